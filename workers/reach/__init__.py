"""How far an action reaches: the pods it touches, the services behind them, and who depends on those. Reads only."""
