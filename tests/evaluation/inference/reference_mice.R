# Pooled inference of mice on fixed estimates, printed as CSV.
#   Rscript tests/evaluation/inference/reference_mice.R > tests/evaluation/inference/reference_mice.csv
# The tests read the CSV that this printed under R 4.2.2 with mice 3.15.0.
suppressPackageStartupMessages(library(mice))
options(digits = 17)

estimates <- list(
  even  = list(q = c(1.0, 1.2, 0.9, 1.1, 0.8), u = c(0.04, 0.05, 0.03, 0.045, 0.035), n = 100, p = 2),
  noisy = list(q = c(-3.1, 0.4, 2.2), u = c(1.1, 0.7, 2.0), n = 25, p = 4),
  large = list(q = c(10.01, 10.02, 9.99, 10.00, 10.03, 9.98, 10.01, 10.00, 9.97, 10.04),
               u = rep(0.0004, 10), n = 5000, p = 3),
  pair  = list(q = c(0.5, 0.7), u = c(0.02, 0.02), n = 60, p = 1),
  vast  = list(q = c(0.10, 0.13, 0.08, 0.12), u = c(0.001, 0.002, 0.0015, 0.0012), n = Inf, p = 1)
)
rows <- list()
for (name in names(estimates)) {
  e <- estimates[[name]]
  for (rule in c("rubin1987", "reiter2003")) {
    x <- pool.scalar(Q = e$q, U = e$u, n = e$n, k = e$p, rule = rule)
    rows[[length(rows) + 1]] <- data.frame(
      case = name, rule = rule, n = e$n, p = e$p,
      qbar = x$qbar, ubar = x$ubar, b = x$b, t = x$t, df = x$df, fmi = x$fmi
    )
  }
}
write.csv(do.call(rbind, rows), row.names = FALSE, quote = FALSE)
