"""Station 2, bars -> values: the catalogue of indicators, and the series of one instrument and timeframe.

Every number is computed by TA-Lib, bar by bar through its handles or whole through its functions: the two
agree to the bit. Nothing here knows strategies, sessions' hours, or where bars come from.
"""
