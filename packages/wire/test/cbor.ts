/** Bytes made to hurt: each is a named fault, quickly, and nothing is built from it. */
import { isFault } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import t from 'tap'
import * as wire from '../src/index.ts'
import * as mesh from './fixtures/mesh.ts'

const MIB = 2 ** 20
const faultOf = (answer: unknown) => (isFault(answer) ? answer.fault : 'none')
const filled = (length: number, byte: number, ...start: number[]) => {
  const bytes = new Uint8Array(length).fill(byte)
  bytes.set(start)
  return bytes
}

const hello: wire.Hello = {
  protocol: wire.PROTOCOL_VERSION,
  chainId: mesh.chainId,
  height: 3,
  agent: 'gradmesh/0.1'
}
const helloWith = (change: object) => faultOf(wire.decodeHello(dagCbor.encode({ ...hello, ...change })))

t.test('bombs', async t => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['a million nested lists', filled(MIB, 0x81), 'WIRE_BOUNDS'],
    ['a million nested maps', filled(MIB, 0xa1), 'WIRE_BOUNDS'],
    ['a million empty lists in one', filled(MIB, 0x80, 0x9a, 0x00, 0x0f, 0xff, 0xfb), 'WIRE_BOUNDS'],
    ['a million empty maps in one', filled(MIB, 0xa0, 0x9a, 0x00, 0x0f, 0xff, 0xfb), 'WIRE_BOUNDS'],
    ['a list that says 2^64 - 1', filled(9, 0xff, 0x9b), 'WIRE_CBOR'],
    ['a map that says 2^63', filled(9, 0, 0xbb, 0x80), 'WIRE_CBOR'],
    ['a text that says 2^32 - 1', filled(5, 0xff, 0x7a), 'WIRE_CBOR'],
    ['bytes of indefinite length', Uint8Array.of(0x5f, 0x41, 0, 0xff), 'WIRE_CBOR'],
    ['a list of indefinite length', Uint8Array.of(0x9f, 0xff), 'WIRE_CBOR'],
    ['a break alone', Uint8Array.of(0xff), 'WIRE_CBOR'],
    ['an argument cut off', Uint8Array.of(0x1b, 0, 0), 'WIRE_CBOR'],
    ['undefined', Uint8Array.of(0xf7), 'WIRE_CBOR'],
    ['NaN', Uint8Array.of(0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), 'WIRE_CBOR'],
    ['a link', Uint8Array.of(0xd8, 0x2a, 0x41, 0), 'WIRE_CBOR'],
    ['nothing', new Uint8Array(0), 'WIRE_CBOR'],
    ['two values', Uint8Array.of(0xa0, 0xa0), 'WIRE_LENGTH'],
    ['a byte more than a block may have', new Uint8Array(MIB + 1), 'WIRE_LENGTH']
  ]
  for (const [name, bytes, fault] of cases) {
    const start = performance.now()
    t.equal(faultOf(wire.decodeBlock(bytes)), fault, name)
    t.ok(performance.now() - start < 500, `${name}: in time`)
  }
})

t.test('shapes are strict', async t => {
  t.same(wire.decodeHello(dagCbor.encode(hello)), hello)
  t.equal(helloWith({ extra: 1 }), 'WIRE_SHAPE')
  t.equal(helloWith({ fault: 'WIRE_SHAPE' }), 'WIRE_SHAPE')
  t.equal(helloWith({ height: 1.5 }), 'WIRE_CBOR')
  t.equal(helloWith({ height: -1 }), 'WIRE_RANGE')
  t.equal(helloWith({ height: 2 ** 32 }), 'WIRE_RANGE')
  t.equal(helloWith({ height: 2n ** 60n }), 'WIRE_RANGE')
  t.equal(helloWith({ height: '3' }), 'WIRE_SHAPE')
  t.equal(helloWith({ height: null }), 'WIRE_SHAPE')
  t.equal(helloWith({ chainId: new Uint8Array(31) }), 'WIRE_BOUNDS')
  t.equal(helloWith({ chainId: 'x' }), 'WIRE_SHAPE')
  t.equal(helloWith({ agent: 'x'.repeat(65) }), 'WIRE_BOUNDS')
  t.equal(helloWith({ agent: 'é'.repeat(33) }), 'WIRE_BOUNDS')
  t.equal(helloWith({ agent: '\u001b[31mred' }), 'WIRE_RANGE')
  t.equal(helloWith({ agent: 'a\u202eb' }), 'WIRE_RANGE')
  const { agent: _, ...short } = hello
  t.equal(faultOf(wire.decodeHello(dagCbor.encode(short))), 'WIRE_SHAPE')
  for (const value of [[], {}, null, true, 7, 'text', new Uint8Array(3)]) {
    t.equal(faultOf(wire.decodeHello(dagCbor.encode(value))), 'WIRE_SHAPE')
  }
})

t.test('one encoding a value', async t => {
  const good = wire.encodeSyncRequest({ finalHeight: 1, frontier: 2 })
  const [map, ...rest] = good
  t.equal(map, 0xa2)
  const text = Buffer.from(good).toString('latin1')
  const one = Buffer.from(text.replace('finalHeight\x01', 'finalHeight\x18\x01'), 'latin1')
  t.equal(faultOf(wire.decodeSyncRequest(one)), 'WIRE_CBOR', 'an integer longer than it needs to be')
  t.equal(faultOf(wire.decodeSyncRequest(Uint8Array.of(0xb8, 2, ...rest))), 'WIRE_CBOR', 'a length likewise')
  const [a, b] = [good.subarray(1, 11), good.subarray(11)]
  t.equal(b[0]! >> 5, 3, 'cut between the fields')
  t.equal(
    faultOf(wire.decodeSyncRequest(Uint8Array.of(0xa2, ...b, ...a))),
    'WIRE_CANONICAL',
    'fields out of order'
  )
  t.equal(faultOf(wire.decodeSyncRequest(Uint8Array.of(0xa2, ...a, ...a))), 'WIRE_CBOR', 'a field twice')
  const float = Buffer.from(text.replace('finalHeight\x01', 'finalHeight\xfb\x3f\xf0\0\0\0\0\0\0'), 'latin1')
  t.equal(faultOf(wire.decodeSyncRequest(float)), 'WIRE_CBOR', 'one as a float')
  const broken = Buffer.from(wire.encodeHello(hello))
  broken[broken.indexOf('gradmesh/0.1')] = 0xff
  t.equal(faultOf(wire.decodeHello(broken)), 'WIRE_CANONICAL', 'text that is not UTF-8')
})

t.test('names from outside stay data', async t => {
  const withOptions = (options: object) =>
    wire.decodeGenesis(dagCbor.encode({ ...mesh.genesis, task: { ...mesh.genesis.task, options } }))
  const named = withOptions({ fault: 'x', constructor: 1, toString: 2 })
  t.notOk(isFault(named))
  t.same((named as wire.Genesis).task.options, { fault: 'x', constructor: 1, toString: 2 })
  t.equal(faultOf(withOptions(JSON.parse('{"__proto__": 1}'))), 'WIRE_SHAPE')
  t.equal(faultOf(withOptions({ '/': 'x' })), 'WIRE_SHAPE')
  t.equal(faultOf(withOptions({ '': 1 })), 'WIRE_SHAPE')
  t.equal(faultOf(withOptions({ a: {} })), 'WIRE_SHAPE')
  t.equal(faultOf(withOptions({ a: 2n ** 60n })), 'WIRE_RANGE')
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`o${i}`, i]))
  t.equal(faultOf(withOptions(many)), 'WIRE_BOUNDS')
  const getting = (what: string) => faultOf(wire.decodeGetRequest(dagCbor.encode({ what })))
  t.equal(getting('genesis'), 'none')
  t.equal(getting('toString'), 'WIRE_SHAPE')
})

t.test('money is a bigint after decoding, whatever its size', async t => {
  for (const stake of [1n, 23n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n]) {
    const validators = [{ key: mesh.keys[0]!, stake }]
    const decoded = wire.decodeGenesis(
      wire.encodeGenesis({ ...mesh.genesis, validators, rewardPerRound: stake })
    )
    t.match(decoded, { rewardPerRound: stake, validators: [{ stake }] })
  }
  const encoded = (rewardPerRound: unknown) => dagCbor.encode({ ...mesh.genesis, rewardPerRound })
  t.equal(faultOf(wire.decodeGenesis(encoded(-1))), 'WIRE_RANGE')
  t.equal(faultOf(wire.decodeGenesis(encoded('1'))), 'WIRE_SHAPE')
  t.throws(() => wire.encodeGenesis({ ...mesh.genesis, rewardPerRound: 2n ** 64n }), { code: 'INVARIANT' })
})

t.test('a body that is not the one that the header binds', async t => {
  const { header, signature, body } = mesh.block
  const swapped = { header, signature, body: { ...body, scores: [] } }
  t.equal(faultOf(wire.decodeBlock(wire.encodeBlock(swapped))), 'WIRE_HASH')
})

t.test('counts are bounded', async t => {
  const body = (change: Partial<wire.BlockBody>) => ({ ...mesh.emptyBody, ...change })
  const digest = mesh.digestOf('x')
  const deltas = (n: number) => Array.from({ length: n }, (_, trainer) => ({ trainer, digest }))
  t.ok(wire.bodyHashOf(body({ deltas: deltas(64) })))
  t.throws(() => wire.bodyHashOf(body({ deltas: deltas(65) })), { code: 'INVARIANT' })
  t.throws(() => wire.bodyHashOf(body({ attests: Array(129).fill(mesh.attest) })), { code: 'INVARIANT' })
  t.throws(() => wire.bodyHashOf(body({ scores: [{ validator: 128, trainer: 0, score: 0 }] })), {
    code: 'INVARIANT'
  })
})

t.test('a full block of the largest mesh fits and decodes', async t => {
  const bitmap = wire.bitmapOf(wire.BOUNDS.trainersMax, [0, wire.BOUNDS.trainersMax - 1])
  const body: wire.BlockBody = {
    deltas: Array.from({ length: 64 }, (_, trainer) => ({ trainer, digest: mesh.digestOf('x') })),
    attests: Array.from({ length: 128 }, (_, validator) => ({ ...mesh.attest, bitmap, validator })),
    keys: Array.from({ length: 64 }, (_, trainer) => ({ trainer, key: mesh.digestOf('k') })),
    scores: Array.from({ length: 128 * 64 }, (_, i) => ({
      validator: i >> 6,
      trainer: 16_000 + (i & 63),
      score: -32_768
    })),
    txs: Array(256).fill(mesh.register),
    evidence: Array(64).fill(mesh.evidence[1])
  }
  const block = wire.signBlock(mesh.block.header, body, mesh.keyPairs[0]!)
  const bytes = wire.encodeBlock(block)
  t.ok(bytes.length < wire.BOUNDS.blockBytesMax, `${bytes.length} bytes`)
  t.same(wire.blockIdOf((wire.decodeBlock(bytes) as wire.Block).header), wire.blockIdOf(block.header))
})
