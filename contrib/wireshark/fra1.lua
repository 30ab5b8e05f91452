-- Fast re-authentication for RPCSEC_GSS (docs/fast-reauth.md) in Wireshark and tshark, 3.6 or newer.
--
-- Looks behind Wireshark's own RPC dissector at every message and adds a tree "Fast re-authentication" to offers, grants,
-- requests and their replies. With a key log (the preference "Key log file") it checks the MICs of re-authenticated
-- contexts and opens their bodies too.
--
-- The cryptography is plain Lua, since Wireshark lends scripts none: good for debugging, slow for megabytes.

local FRA1 = 0x46524131
local RPCSEC_GSS = 6
local CALL, REPLY = 0, 1
local DATA, INIT, CONTINUE_INIT, DESTROY = 0, 1, 2, 3
local NONE, INTEGRITY, PRIVACY = 1, 2, 3
local SUITES = { [1] = "AES-256-GCM", [2] = "ChaCha20-Poly1305" }

local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local lshift, rshift, rol, tobit = bit.lshift, bit.rshift, bit.rol, bit.tobit

------------------------------------------------------------------------------------------------------------------------
-- AES-256 (FIPS 197), the encrypting direction alone, which is all that GCM needs

local SBOX = {}
do
    -- Walks through the field with generator 3 and its inverse side by side.
    local p, q = 1, 1
    repeat
        p = band(bxor(p, lshift(p, 1), p >= 128 and 0x1b or 0), 0xff)
        q = bxor(q, lshift(q, 1))
        q = bxor(q, lshift(q, 2))
        q = band(bxor(q, lshift(q, 4)), 0xff)
        if q >= 128 then q = bxor(q, 0x09) end
        local rotated = bxor(q, lshift(q, 1), lshift(q, 2), lshift(q, 3), lshift(q, 4))
        SBOX[p] = band(bxor(rotated, rshift(rotated, 8), 0x63), 0xff)
    until p == 1
    SBOX[0] = 0x63
end

local function word(octets, at)
    local a, b, c, d = octets:byte(at, at + 3)
    return bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
end

local function substituted(w)
    return bor(
        lshift(SBOX[rshift(w, 24)], 24), lshift(SBOX[band(rshift(w, 16), 255)], 16),
        lshift(SBOX[band(rshift(w, 8), 255)], 8), SBOX[band(w, 255)])
end

local function aes256_schedule(key)
    local w, round = {}, 1
    for i = 0, 7 do w[i] = word(key, 4 * i + 1) end
    for i = 8, 59 do
        local t = w[i - 1]
        if i % 8 == 0 then
            t = bxor(substituted(rol(t, 8)), lshift(round, 24))
            round = lshift(round, 1)
        elseif i % 8 == 4 then
            t = substituted(t)
        end
        w[i] = bxor(w[i - 8], t)
    end
    return w
end

local function doubled(w)
    -- Each of the four octets times 2.
    local high = band(w, 0x80808080)
    return bxor(lshift(band(w, 0x7f7f7f7f), 1), rshift(high, 7) * 0x1b)
end

local function mixed(w)
    local twice = doubled(w)
    local thrice = bxor(twice, w)
    return bxor(twice, rol(thrice, 8), rol(w, 16), rol(w, 24))
end

local function aes256_block(w, a, b, c, d)
    a, b, c, d = bxor(a, w[0]), bxor(b, w[1]), bxor(c, w[2]), bxor(d, w[3])
    local function column(e, f, g, h)
        return bor(
            lshift(SBOX[rshift(e, 24)], 24), lshift(SBOX[band(rshift(f, 16), 255)], 16),
            lshift(SBOX[band(rshift(g, 8), 255)], 8), SBOX[band(h, 255)])
    end
    for round = 1, 14 do
        local e, f, g, h = column(a, b, c, d), column(b, c, d, a), column(c, d, a, b), column(d, a, b, c)
        if round < 14 then e, f, g, h = mixed(e), mixed(f), mixed(g), mixed(h) end
        local k = 4 * round
        a, b, c, d = bxor(e, w[k]), bxor(f, w[k + 1]), bxor(g, w[k + 2]), bxor(h, w[k + 3])
    end
    return a, b, c, d
end

local function octets_of(...)
    local words = { ... }
    for i, w in ipairs(words) do
        words[i] = string.char(rshift(w, 24), band(rshift(w, 16), 255), band(rshift(w, 8), 255), band(w, 255))
    end
    return table.concat(words)
end

local function exclusive_or(data, stream)
    local out = {}
    for i = 1, #data do out[i] = string.char(bxor(data:byte(i), stream:byte(i))) end
    return table.concat(out)
end

------------------------------------------------------------------------------------------------------------------------
-- GCM (NIST SP 800-38D), multiplying four bits at a time

local REDUCTION = {}
for i = 0, 15 do
    local r = 0
    for b = 0, 3 do
        if band(i, lshift(1, b)) ~= 0 then r = bxor(r, rshift(0xe1000000, 3 - b)) end
    end
    REDUCTION[i] = r
end

local function shifted(a, b, c, d, by)
    local back = 32 - by
    return rshift(a, by), bor(rshift(b, by), lshift(a, back)), bor(rshift(c, by), lshift(b, back)),
        bor(rshift(d, by), lshift(c, back))
end

local function ghash_table(a, b, c, d)
    local multiples = { [0] = { 0, 0, 0, 0 }, [8] = { a, b, c, d } }
    for _, i in ipairs({ 4, 2, 1 }) do
        local low = band(d, 1)
        a, b, c, d = shifted(a, b, c, d, 1)
        if low == 1 then a = bxor(a, 0xe1000000) end
        multiples[i] = { a, b, c, d }
    end
    for i = 1, 15 do
        if not multiples[i] then
            local sum = { 0, 0, 0, 0 }
            for _, one in ipairs({ 8, 4, 2, 1 }) do
                if band(i, one) ~= 0 then
                    for k = 1, 4 do sum[k] = bxor(sum[k], multiples[one][k]) end
                end
            end
            multiples[i] = sum
        end
    end
    return multiples
end

local function ghash(multiples, octets)
    local a, b, c, d = 0, 0, 0, 0
    octets = octets .. ("\0"):rep(-#octets % 16)
    for at = 1, #octets, 16 do
        local x = {
            bxor(a, word(octets, at)), bxor(b, word(octets, at + 4)),
            bxor(c, word(octets, at + 8)), bxor(d, word(octets, at + 12)),
        }
        a, b, c, d = 0, 0, 0, 0
        for k = 4, 1, -1 do
            for by = 0, 28, 4 do
                local low = band(d, 15)
                a, b, c, d = shifted(a, b, c, d, 4)
                a = bxor(a, REDUCTION[low])
                local m = multiples[band(rshift(x[k], by), 15)]
                a, b, c, d = bxor(a, m[1]), bxor(b, m[2]), bxor(c, m[3]), bxor(d, m[4])
            end
        end
    end
    return a, b, c, d
end

local function padded(octets)
    return octets .. ("\0"):rep(-#octets % 16)
end

local function length_block(first, second)
    return octets_of(math.floor(first / 0x20000000), tobit(first * 8), math.floor(second / 0x20000000), tobit(second * 8))
end

local function gcm(key)
    local w = aes256_schedule(key)
    local multiples = ghash_table(aes256_block(w, 0, 0, 0, 0))
    return function(nonce, sealed, associated)
        local n1, n2, n3 = word(nonce, 1), word(nonce, 5), word(nonce, 9)
        local ciphertext, tag = sealed:sub(1, -17), sealed:sub(-16)
        local s1, s2, s3, s4 = ghash(multiples,
            padded(associated) .. padded(ciphertext) .. length_block(#associated, #ciphertext))
        local t1, t2, t3, t4 = aes256_block(w, n1, n2, n3, 1)
        if octets_of(bxor(s1, t1), bxor(s2, t2), bxor(s3, t3), bxor(s4, t4)) ~= tag then return nil end
        local stream, counter = {}, 2
        for _ = 1, #ciphertext, 16 do
            stream[#stream + 1] = octets_of(aes256_block(w, n1, n2, n3, counter))
            counter = counter + 1
        end
        return exclusive_or(ciphertext, table.concat(stream))
    end
end

------------------------------------------------------------------------------------------------------------------------
-- ChaCha20-Poly1305 (RFC 8439)

local function little(octets, at)
    local a, b, c, d = octets:byte(at, at + 3)
    return bor(a, lshift(b, 8), lshift(c, 16), lshift(d, 24))
end

local function chacha_block(key, counter, nonce)
    local state = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }
    for i = 0, 7 do state[5 + i] = little(key, 4 * i + 1) end
    state[13] = counter
    for i = 0, 2 do state[14 + i] = little(nonce, 4 * i + 1) end
    local x = { table.unpack(state) }
    local function quarter(a, b, c, d)
        x[a] = tobit(x[a] + x[b]); x[d] = rol(bxor(x[d], x[a]), 16)
        x[c] = tobit(x[c] + x[d]); x[b] = rol(bxor(x[b], x[c]), 12)
        x[a] = tobit(x[a] + x[b]); x[d] = rol(bxor(x[d], x[a]), 8)
        x[c] = tobit(x[c] + x[d]); x[b] = rol(bxor(x[b], x[c]), 7)
    end
    for _ = 1, 10 do
        quarter(1, 5, 9, 13); quarter(2, 6, 10, 14); quarter(3, 7, 11, 15); quarter(4, 8, 12, 16)
        quarter(1, 6, 11, 16); quarter(2, 7, 12, 13); quarter(3, 8, 9, 14); quarter(4, 5, 10, 15)
    end
    local out = {}
    for i = 1, 16 do
        local w = tobit(x[i] + state[i])
        out[i] = string.char(band(w, 255), band(rshift(w, 8), 255), band(rshift(w, 16), 255), rshift(w, 24))
    end
    return table.concat(out)
end

-- Numbers of 130 bits as ten limbs of 13: products stay far below 2^53, whatever Lua's numbers are.
local LIMB = 8192

local function limbs(octets)
    local out, value, bits, at = {}, 0, 0, 1
    for i = 1, 10 do
        while bits < 13 and at <= #octets do
            value = value + octets:byte(at) * 2 ^ bits
            bits, at = bits + 8, at + 1
        end
        out[i] = value % LIMB
        value, bits = math.floor(value / LIMB), math.max(bits - 13, 0)
    end
    return out
end

local function carried(h)
    for _ = 1, 2 do
        local carry = 0
        for i = 1, 10 do
            local sum = h[i] + carry
            h[i], carry = sum % LIMB, math.floor(sum / LIMB)
        end
        h[1] = h[1] + carry * 5
    end
end

local function poly1305(key, message)
    local r_octets = { key:byte(1, 16) }
    for _, i in ipairs({ 4, 8, 12, 16 }) do r_octets[i] = band(r_octets[i], 15) end
    for _, i in ipairs({ 5, 9, 13 }) do r_octets[i] = band(r_octets[i], 252) end
    local r = limbs(string.char(table.unpack(r_octets)))
    local h = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    for at = 1, #message, 16 do
        local m = limbs(message:sub(at, at + 15) .. "\1")
        for i = 1, 10 do h[i] = h[i] + m[i] end
        local product = {}
        for i = 1, 10 do
            local sum = 0
            for j = 1, 10 do
                local k = i - j + 1
                if k >= 1 then sum = sum + h[j] * r[k] else sum = sum + h[j] * r[k + 10] * 5 end
            end
            product[i] = sum
        end
        carried(product)
        h = product
    end
    carried(h)
    -- h - p, if that is not negative: p is 2^130 - 5.
    local g, carry = {}, 5
    for i = 1, 10 do
        local sum = h[i] + carry
        g[i], carry = sum % LIMB, math.floor(sum / LIMB)
    end
    if carry > 0 then h = g end
    local tag, value, bits, at, add = {}, 0, 0, 1, 0
    for i = 1, 16 do
        while bits < 8 and at <= 10 do
            value = value + h[at] * 2 ^ bits
            bits, at = bits + 13, at + 1
        end
        local sum = value % 256 + key:byte(16 + i) + add
        tag[i] = string.char(sum % 256)
        add = math.floor(sum / 256)
        value, bits = math.floor(value / 256), bits - 8
    end
    return table.concat(tag)
end

local function little_length(n)
    local out = {}
    for i = 1, 8 do
        out[i] = string.char(n % 256)
        n = math.floor(n / 256)
    end
    return table.concat(out)
end

local function chacha20_poly1305(key)
    return function(nonce, sealed, associated)
        local ciphertext, tag = sealed:sub(1, -17), sealed:sub(-16)
        local covered = padded(associated) .. padded(ciphertext) .. little_length(#associated) .. little_length(#ciphertext)
        if poly1305(chacha_block(key, 0, nonce):sub(1, 32), covered) ~= tag then return nil end
        local stream, counter = {}, 1
        for _ = 1, #ciphertext, 64 do
            stream[#stream + 1] = chacha_block(key, counter, nonce)
            counter = counter + 1
        end
        return exclusive_or(ciphertext, table.concat(stream))
    end
end

local CIPHERS = { [1] = gcm, [2] = chacha20_poly1305 }

------------------------------------------------------------------------------------------------------------------------
-- The key log: lines "FRA1 handle suite client-to-server server-to-client", all but the suite in hexadecimal

local fra1 = Proto("fra1", "Fast re-authentication for RPCSEC_GSS")
fra1.prefs.keylog = Pref.string("Key log file", "", "Keys of re-authenticated contexts, as rpcgss.KeyLog writes them")
fra1.prefs.limit = Pref.uint("Open bodies up to octets", 65536, "Larger ones take seconds each")

local contexts = {} -- by handle, in hexadecimal

local function from_hex(text)
    return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function to_hex(octets)
    return (octets:gsub(".", function(octet) return ("%02x"):format(octet:byte()) end))
end

local function read_key_log(path)
    contexts = {}
    local file = path ~= "" and io.open(path, "r")
    if not file then return end
    for line in file:lines() do
        local handle, suite, calls, replies = line:match("^FRA1 (%x+) (%d+) (%x+) (%x+)$")
        local cipher = CIPHERS[tonumber(suite)]
        if cipher and #calls == 64 and #replies == 64 then
            contexts[handle:lower()] = { suite = tonumber(suite), keys = { [CALL] = calls, [REPLY] = replies }, open = {} }
        end
    end
    file:close()
end

local function opened(context, direction, kind, token, associated)
    -- What a MIC (kind 0) or wrap token (kind 1) holds; nil: it is wrong.
    if #token < 24 then return nil end
    if not context.open[direction] then
        context.open[direction] = CIPHERS[context.suite](from_hex(context.keys[direction]))
    end
    return context.open[direction](("\0\0\0" .. string.char(kind)) .. token:sub(1, 8), token:sub(9), associated)
end

------------------------------------------------------------------------------------------------------------------------
-- Fields

local f = fra1.fields
f.message = ProtoField.string("fra1.message", "Message")
f.key_index = ProtoField.uint32("fra1.ticket.key_index", "Key index", base.HEX)
f.sealed = ProtoField.bytes("fra1.ticket.sealed", "Sealed state")
f.lifetime = ProtoField.uint32("fra1.lifetime", "Lifetime (seconds)")
f.mac = ProtoField.bytes("fra1.mac", "MAC of the grant")
f.client_nonce = ProtoField.bytes("fra1.client_nonce", "Client's nonce")
f.offered = ProtoField.uint32("fra1.offered_suite", "Suite offered", base.DEC, SUITES)
f.client_share = ProtoField.bytes("fra1.client_share", "Client's share")
f.authenticator = ProtoField.bytes("fra1.authenticator", "Authenticator")
f.handle = ProtoField.bytes("fra1.handle", "Handle")
f.window = ProtoField.uint32("fra1.seq_window", "Window")
f.suite = ProtoField.uint32("fra1.suite", "Suite", base.DEC, SUITES)
f.server_nonce = ProtoField.bytes("fra1.server_nonce", "Server's nonce")
f.server_share = ProtoField.bytes("fra1.server_share", "Server's share")
f.verifier = ProtoField.bytes("fra1.verifier", "Verifier (MAC of the results)")
f.request = ProtoField.framenum("fra1.request_in", "Request in", base.NONE, frametype.REQUEST)
f.mic = ProtoField.string("fra1.mic", "MIC")
f.seq_num = ProtoField.uint32("fra1.seq_num", "Sequence number in the body")
f.plaintext = ProtoField.bytes("fra1.plaintext", "Arguments or results")
f.reply_to = ProtoField.string("fra1.answer", "Answer")

local malformed = ProtoExpert.new("fra1.malformed", "This is not what docs/fast-reauth.md says", expert.group.MALFORMED,
    expert.severity.ERROR)
local wrong = ProtoExpert.new("fra1.wrong", "Not made with the keys of this context", expert.group.SECURITY,
    expert.severity.ERROR)
fra1.experts = { malformed, wrong }

local xid_field, tcp_stream, udp_stream = Field.new("rpc.xid"), Field.new("tcp.stream"), Field.new("udp.stream")

------------------------------------------------------------------------------------------------------------------------
-- XDR: a cursor over one message

local Cursor = {}
Cursor.__index = Cursor

local function cursor(tvb, first, last)
    return setmetatable({ tvb = tvb, at = first, last = last }, Cursor)
end

function Cursor:take(octets)
    if octets > self.last - self.at then error({ short = true }) end
    local range = self.tvb(self.at, octets)
    self.at = self.at + octets
    return range
end

function Cursor:uint()
    local range = self:take(4)
    return range:uint(), range
end

function Cursor:fixed(octets)
    local range = octets > 0 and self:take(octets) or nil
    self:take_padding(octets)
    return range
end

function Cursor:take_padding(octets)
    local padding = -octets % 4
    if padding > 0 then self:take(padding) end
end

function Cursor:opaque()
    return self:fixed((self:uint()))
end

local function octets(range)
    return range and range:raw() or ""
end

local function add(tree, field, range)
    if range then tree:add(field, range) end
end

------------------------------------------------------------------------------------------------------------------------
-- Messages

local calls = {} -- by stream and xid: what replies need to know of their calls

local function auth(c)
    -- Flavor, body, and where the body begins.
    local flavor, begins = c:uint(), c.at + 4
    return flavor, c:opaque(), begins
end

local function ticket(c, tree)
    local _, index = c:uint()
    tree:add(f.key_index, index)
    add(tree, f.sealed, c:opaque())
end

local function show_request(c, tree)
    tree:add(f.message, "request"):set_generated()
    ticket(c, tree)
    tree:add(f.client_nonce, c:fixed(32))
    for _ = 1, math.min((c:uint()), 8) do
        local _, suite = c:uint()
        tree:add(f.offered, suite)
    end
    add(tree, f.client_share, c:opaque())
    tree:add(f.authenticator, c:fixed(32))
end

local function show_answer(c, tree, verifier)
    tree:add(f.message, "reply"):set_generated()
    add(tree, f.verifier, verifier)
    add(tree, f.handle, c:opaque())
    local _, window = c:uint()
    local _, suite = c:uint()
    tree:add(f.window, window)
    tree:add(f.suite, suite)
    tree:add(f.server_nonce, c:fixed(32))
    add(tree, f.server_share, c:opaque())
    ticket(c, tree)
    local _, lifetime = c:uint()
    tree:add(f.lifetime, lifetime)
end

local function show_grant(c, tree)
    tree:add(f.message, "grant"):set_generated()
    ticket(c, tree)
    local _, lifetime = c:uint()
    tree:add(f.lifetime, lifetime)
    tree:add(f.mac, c:fixed(32))
end

local function show_mic(context, direction, tree, range, covered, what)
    local good = opened(context, direction, 0, octets(range), covered) ~= nil
    local item = range and tree:add(f.mic, range, what .. (good and ": correct" or ": WRONG")) or tree:add(f.mic, what .. ": missing")
    if not good then item:add_proto_expert_info(wrong) end
end

local function show_numbered(tree, range)
    tree:add(f.seq_num, range(0, 4))
    if range:len() > 4 then tree:add(f.plaintext, range(4)) end
end

local function show_body(context, direction, service, c, tree)
    if c.at >= c.last then return end
    if service == INTEGRITY then
        local body = c:opaque()
        show_mic(context, direction, tree, c:opaque(), octets(body), "MIC of the body")
        if body and body:len() >= 4 then show_numbered(tree, body) end
    elseif service == PRIVACY then
        local token = c:opaque()
        if not token or token:len() > fra1.prefs.limit then return end
        local plain = opened(context, direction, 1, octets(token), "")
        if not plain or #plain < 4 then
            tree:add(f.mic, token, "wrap token: WRONG"):add_proto_expert_info(wrong)
            return
        end
        tree:add(f.mic, token, "wrap token: correct")
        show_numbered(tree, ByteArray.new(to_hex(plain)):tvb("Opened RPC body")())
    end
end

local function dissect_call(c, key, number, tree_of)
    local first = c.at
    local xid, _ = c:uint()
    if c:uint() ~= CALL or c:uint() ~= 2 then return end
    c:take(8) -- program, version
    local _, _ = c:uint() -- procedure
    local flavor, credential, begins = auth(c)
    local header = c.tvb(first, c.at - first)
    if flavor ~= RPCSEC_GSS or not credential then return end
    local body = cursor(c.tvb, begins, begins + credential:len())
    if body:uint() ~= 1 then return end
    local procedure, seq_num, service, handle = body:uint(), body:uint(), body:uint(), body:opaque()
    local call = {
        frame = number, procedure = procedure, seq_num = seq_num, service = service, handle = to_hex(octets(handle)),
        offer = seq_num == FRA1 and (procedure == INIT or procedure == CONTINUE_INIT),
    }
    calls[key .. xid] = call
    local _, verifier = auth(c)
    if call.offer then
        tree_of(header):add(f.message, "offer"):set_generated()
    elseif procedure == FRA1 then
        show_request(c, tree_of(c.tvb(c.at, c.last - c.at)))
    elseif contexts[call.handle] and (procedure == DATA or procedure == DESTROY) then
        local context, tree = contexts[call.handle], tree_of(header)
        tree:add(f.message, "call under a re-authenticated context"):set_generated()
        show_mic(context, CALL, tree, verifier, octets(header), "MIC of the header")
        show_body(context, CALL, service, c, tree)
    end
end

local function dissect_reply(c, key, tree_of)
    local xid, range = c:uint()
    local call = calls[key .. xid]
    if not call or c:uint() ~= REPLY then return end
    local answered = function(tree) tree:add(f.request, call.frame):set_generated() end
    if c:uint() ~= 0 then
        if call.procedure == FRA1 then
            local tree = tree_of(range)
            tree:add(f.message, "no"):set_generated()
            answered(tree)
        end
        return
    end
    local _, verifier = auth(c)
    local success = c:uint() == 0
    if call.procedure == FRA1 and success then
        local tree = tree_of(c.tvb(c.at, c.last - c.at))
        answered(tree)
        show_answer(c, tree, verifier)
    elseif call.offer and success then
        c:opaque()
        c:take(12) -- gss_major, gss_minor, seq_window
        c:opaque()
        if c.at < c.last then
            local tree = tree_of(c.tvb(c.at, c.last - c.at))
            answered(tree)
            show_grant(c, tree)
        end
    elseif contexts[call.handle] and (call.procedure == DATA or call.procedure == DESTROY) then
        local context, tree = contexts[call.handle], tree_of(range)
        tree:add(f.message, "reply under a re-authenticated context"):set_generated()
        answered(tree)
        show_mic(context, REPLY, tree, verifier, octets_of(tobit(call.seq_num)), "MIC of the sequence number")
        if success then show_body(context, REPLY, call.service, c, tree) end
    end
end

local function bounds(field)
    -- Where the message of a FieldInfo of rpc.xid begins and ends in the Tvb that it is in.
    local tvb, first = field.source, field.offset
    local last = tvb:len()
    if first >= 4 then
        local mark = tvb(first - 4, 4):uint()
        if mark >= 0x80000000 and first + mark - 0x80000000 <= last then last = first + mark - 0x80000000 end
    end
    return tvb, first, last
end

function fra1.dissector(_, pinfo, root)
    local stream = tcp_stream() and "tcp" .. tostring(tcp_stream().value) or udp_stream() and "udp" .. tostring(udp_stream().value)
    if not stream then return end
    for _, field in ipairs({ xid_field() }) do
        local tvb, first, last = bounds(field)
        local tree
        local function tree_of(range)
            tree = tree or root:add(fra1, range)
            return tree
        end
        local ok, problem = pcall(function()
            local kind = tvb(first + 4, 4):uint()
            if kind == CALL then
                dissect_call(cursor(tvb, first, last), stream .. ":", pinfo.number, tree_of)
            elseif kind == REPLY then
                dissect_reply(cursor(tvb, first, last), stream .. ":", tree_of)
            end
        end)
        if not ok then
            if type(problem) ~= "table" or not problem.short then error(problem, 0) end
            if tree then tree:add_proto_expert_info(malformed) end
        end
    end
end

function fra1.init()
    calls = {}
    read_key_log(fra1.prefs.keylog)
end

register_postdissector(fra1)
