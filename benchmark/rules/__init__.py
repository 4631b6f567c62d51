"""What a record must keep to be accepted from others: rules with an id, a reason and a fix each."""
