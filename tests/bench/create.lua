-- Creates payments, each under a key of its own, and counts the answers that are not 201.
-- The arguments after `--` are: API key, body, seed.
local threads = {}

function setup(thread)
   thread:set("number", #threads + 1)
   table.insert(threads, thread)
end

function init(args)
   refused = 0
   -- A reference is taken once, so each payment's own key is in it.
   before, after = string.match(args[2], "^(.*)KEY(.*)$")
   headers = { ["Content-Type"] = "application/json", ["X-API-KEY"] = args[1] }
   math.randomseed(tonumber(args[3]) + number)
end

local function key()
   -- Random, as merchants make them; 36 characters, as a UUID has.
   return string.format("%012x%012x%012x", math.random(0, 2^47), math.random(0, 2^47),
                        math.random(0, 2^47))
end

function request()
   local new = key()
   headers["Idempotency-Key"] = new
   return wrk.format("POST", "/api/payments/", headers, before .. new .. after)
end

function response(status)
   if status ~= 201 then
      refused = refused + 1
   end
end

function done(summary, latency, requests)
   local bad = 0
   for _, thread in ipairs(threads) do
      bad = bad + thread:get("refused")
   end
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
      summary.requests, summary.duration / 1e6, bad,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
