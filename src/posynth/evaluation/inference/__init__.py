"""What inferences from the copies are worth: pool estimates, explain the rule, compare."""
