"""Log-densities of many parameter vectors at once, and samplers that make use of that."""
