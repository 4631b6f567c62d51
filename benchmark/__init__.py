"""The instrument: protocol, plan, runner, training, scoring, cost, command line."""
