"""The scripts of `RedisBreaker`; they do what the functions of `core/breaker.py` do.

KEYS[1]     hash: status, outages, until and rests in milliseconds, era
ARGV[1..3]  milliseconds: of rest, of a probe, until the hash is forgotten
Each answers {yes, status, outages, until, rests, era}, with the times counted from now.
"""

SERVER_CLOCK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""

# A clock that is put back must not prolong a wait beyond its length. An era begins with the time, to the
# microsecond, so that after a loss of the data no permit of before is taken for one of now.
_BEGIN = """
local RESTS_MAX = 600000
local rest, probe, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[1], 'status', 'outages', 'until', 'rests', 'era')
local born = redis.call('TIME')
local b = {
  status = tonumber(h[1] or 0), outages = tonumber(h[2] or 0),
  till = tonumber(h[3] or 0), rests = tonumber(h[4] or 0),
  era = tonumber(h[5] or born[1] * 1000000 + born[2]),
}
b.till = math.min(b.till, now + (b.status == 1 and rest or probe))
b.rests = math.min(b.rests, now + RESTS_MAX)
local function move(status, till)
  b.status, b.outages, b.till, b.era = status, 0, till, b.era + 1
end
local function whole(number) return string.format('%.0f', number) end
local function done(yes)
  redis.call('HSET', KEYS[1], 'status', b.status, 'outages', b.outages,
    'until', whole(b.till), 'rests', whole(b.rests), 'era', whole(b.era))
  redis.call('PEXPIRE', KEYS[1], kept)
  return {yes, b.status, b.outages, b.till - now, b.rests - now, whole(b.era)}
end
"""

ENTER = (
    _BEGIN
    + """
local till = b.status == 0 and b.rests or math.max(b.rests, b.till)
if till > now then return done(0) end
if b.status ~= 0 then move(2, now + probe) end
return done(1)
"""
)

# ARGV[4..7]: era of the permit, how the call ended, outages that open it, milliseconds of rest asked for
REPORT = (
    _BEGIN
    + """
local before = b.status
if tonumber(ARGV[4]) == b.era then
  if ARGV[5] == 'abandoned' then
    if b.status ~= 0 then b.till = now end
  elseif ARGV[5] == 'answered' then
    if b.status == 0 then b.outages = 0 else move(0, 0) end
  elseif b.status == 0 and b.outages + 1 < tonumber(ARGV[6]) then
    b.outages = b.outages + 1
  else
    move(1, now + rest)
  end
end
if tonumber(ARGV[7]) > 0 then b.rests = math.max(b.rests, now + tonumber(ARGV[7])) end
return done(b.status == before and 0 or 1)
"""
)

LOOK = _BEGIN + "return done(0)\n"
