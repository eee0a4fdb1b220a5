"""What holds in every row of a table: looked for, tested against chance, written as rules."""
