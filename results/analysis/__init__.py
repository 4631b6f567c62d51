"""Statistics over records: intervals, paired differences, comparisons, growth with size."""
