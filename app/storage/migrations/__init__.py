"""How does the schema change? One file a step, run by ``priorauth migrate``; a column ships before its code."""
