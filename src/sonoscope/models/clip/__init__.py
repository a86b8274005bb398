"""Networks that name a whole clip: a log-mel front end or a PRPD pattern, bodies, and `build`."""
