-- The half minutes in which Binance and Coinbase were furthest apart, in percent, as quoted and adjusted by USDT-USD
SELECT symbol, window_start, binance_vwap, coinbase_vwap, spread_pct, adjusted_spread_pct, peg
FROM ${database}.spreads
WHERE window_start > ${since}
ORDER BY abs(spread_pct) DESC, symbol, window_start
LIMIT 100
