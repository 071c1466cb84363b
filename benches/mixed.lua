-- Mixed tiles of the demo layers, for wrk (docs/PERFORMANCE.md):
--   cogwheel serve & wrk -t2 -c8 -d12 -s benches/mixed.lua http://127.0.0.1:8080; grep VmHWM /proc/$!/status
math.randomseed(11)

-- name, west, south, east, north, first zoom, last zoom
local layers = {
  { "relief", -180, -80, 180, 80, 0, 7 },
  { "landcover", -180, -80, 180, 80, 0, 7 },
  { "elevation", -180, -80, 180, 80, 0, 7 },
  { "landsat", -122.7, 37.5, -121.5, 38.4, 8, 14 },
  { "bahamas", -79.6, 23, -76.5, 25.5, 6, 12 },
  { "colorado", -107.146, 38.94, -107.05, 38.99, 11, 16 },
}
local kernels = { "nearest", "bilinear", "cubic", "lanczos", "average" }
local endings = { ".png", ".png", "@2x.png", ".npy" }

local function tile_at(lon, lat, z)
  local n, r = 2 ^ z, math.rad(lat)
  local y = (1 - math.log(math.tan(r) + 1 / math.cos(r)) / math.pi) / 2 * n
  return math.floor((lon + 180) / 360 * n) % n, math.floor(y)
end

request = function()
  local name, west, south, east, north, first, last = unpack(layers[math.random(#layers)])
  local z = math.random(first, last)
  local x, y = tile_at(west + math.random() * (east - west), south + math.random() * (north - south), z)
  local query = {}
  local ending = endings[math.random(#endings)]
  if name ~= "landcover" and math.random(2) == 1 then
    query[#query + 1] = "resampling=" .. kernels[math.random(#kernels)]
  end
  if math.random(8) == 1 then
    query[#query + 1] = "tilesize=512"
  end
  local path = string.format("/tiles/%s/%d/%d/%d%s?%s", name, z, x, y, ending, table.concat(query, "&"))
  return wrk.format("GET", path)
end
