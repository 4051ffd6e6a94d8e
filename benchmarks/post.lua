-- Posts one body again and again and prints what came of it as one line of JSON.
-- Arguments after `--`: the file that holds the body.

function init(args)
   local file = assert(io.open(args[1], "rb"))
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   wrk.body = file:read("*a")
   file:close()
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "microseconds": %d, "bytes": %d, "p50": %d, "p99": %d, "maximum": %d, '
         .. '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), latency.max,
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
