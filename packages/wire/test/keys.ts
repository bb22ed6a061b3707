/** Ed25519: RFC 8032's vectors, ZIP-215's corner cases, and the two paths against each other. */
import { equalBytes, fromHex, sha256, toHex, utf8 } from '@gradmesh/core'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import t from 'tap'
import {
  isUsableKey,
  keyPairFromSeed,
  sign,
  signBytes,
  signBytesPortable,
  signingBytes,
  verify,
  verifyBytes,
  verifyBytesNative,
  verifyBytesPortable
} from '../src/keys.ts'
import vectors from './vectors/ed25519.json' with { type: 'json' }
import cases from './vectors/ed25519-cases.json' with { type: 'json' }

const bytes = (hex: string): Uint8Array => fromHex(hex)!
const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n

const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))

/** Every 32-byte string that ZIP-215 reads as a point of order 1, 2, 4 or 8: with y or y + p, either sign bit. */
const smallOrder = (): Uint8Array[] => {
  const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  const found = new Map<string, Uint8Array>()
  for (let i = 0; i < 8; i++) {
    const { y } = torsion.multiplyUnsafe(BigInt(i)).toAffine()
    for (const value of [y, y + P]) {
      for (const signBit of [0n, 1n]) {
        if (value >= 2n ** 255n) continue
        const encoding = littleEndian(value | (signBit << 255n))
        try {
          ed25519.Point.fromBytes(encoding, true)
          found.set(toHex(encoding), encoding)
        } catch {
          // not a point with this sign
        }
      }
    }
  }
  return [...found.values()]
}

t.test('RFC 8032', async t => {
  for (const { seed, key, message, signature } of vectors.rfc8032) {
    const pair = keyPairFromSeed(bytes(seed))
    t.equal(toHex(pair.publicKey), key)
    t.equal(toHex(signBytes(bytes(message), pair)), signature)
    t.equal(toHex(signBytesPortable(bytes(message), pair.secretKey)), signature)
    t.ok(verifyBytesNative(bytes(message), bytes(signature), bytes(key)))
    t.ok(verifyBytesPortable(bytes(message), bytes(signature), bytes(key)))
    const other = Uint8Array.of(...bytes(message), 0)
    t.notOk(verifyBytes(other, bytes(signature), bytes(key)))
  }
})

t.test('ZIP-215: all encodings of small order, as key and as R, sign everything with S = 0', async t => {
  const points = smallOrder()
  t.equal(points.length, 14, 'eight points, six of them with a second encoding')
  const message = utf8('Zcash')
  let native = 0
  for (const key of points) {
    t.notOk(isUsableKey(key))
    for (const r of points) {
      const signature = Uint8Array.of(...r, ...new Uint8Array(32))
      if (!verifyBytesPortable(message, signature, key)) t.fail(`${toHex(key)} ${toHex(r)}: noble refuses`)
      if (!verifyBytes(message, signature, key)) t.fail(`${toHex(key)} ${toHex(r)}: refused`)
      if (verifyBytesNative(message, signature, key)) native++
    }
  }
  t.ok(native < 14 * 14, `OpenSSL alone takes ${native} of 196: its no must be asked again`)
})

t.test('committed cases on which libraries differ: ZIP-215 decides, on either path', async t => {
  t.ok(cases.length > 80)
  let nativeNo = 0
  for (const { name, message, key, signature, valid } of cases) {
    const given = [bytes(message), bytes(signature), bytes(key)] as const
    t.equal(verifyBytes(...given), valid, name)
    t.equal(verifyBytesPortable(...given), valid, `${name}: noble alone`)
    const native = verifyBytesNative(...given)
    if (native && !valid) t.fail(`${name}: OpenSSL takes what ZIP-215 refuses`)
    if (valid && !native) nativeNo++
  }
  t.ok(nativeNo > 0, `OpenSSL refuses ${nativeNo} that are valid, and is asked again`)
})

t.test('S is not taken twice: S + L is refused by all', async t => {
  const pair = keyPairFromSeed(sha256(utf8('malleable')))
  const message = utf8('m')
  const signature = signBytes(message, pair)
  const s = signature.subarray(32).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
  const twin = Uint8Array.of(...signature.subarray(0, 32), ...littleEndian(s + L))
  t.ok(verifyBytes(message, signature, pair.publicKey))
  t.notOk(verifyBytes(message, twin, pair.publicKey))
  t.notOk(verifyBytesNative(message, twin, pair.publicKey))
  t.notOk(verifyBytesPortable(message, twin, pair.publicKey))
})

t.test('a torsion component in R: only the cofactored equation holds, and it counts', async t => {
  const seed = sha256(utf8('torsion'))
  const pair = keyPairFromSeed(seed)
  const { scalar } = ed25519.utils.getExtendedPublicKey(seed)
  const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  const message = utf8('m')
  const nonce = 12345n
  const r = ed25519.Point.BASE.multiply(nonce).add(torsion).toBytes()
  const hash = await crypto.subtle.digest('SHA-512', Buffer.concat([r, pair.publicKey, message]))
  const k = new Uint8Array(hash).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) % L
  const signature = Uint8Array.of(...r, ...littleEndian((nonce + k * scalar) % L))
  t.notOk(verifyBytesNative(message, signature, pair.publicKey), 'OpenSSL has no cofactor')
  t.ok(verifyBytes(message, signature, pair.publicKey))
})

t.test('both paths sign alike, and a yes of OpenSSL is a yes of noble', async t =>
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 100 }),
      fc.nat(64 * 8),
      (seed, message, bit) => {
        const pair = keyPairFromSeed(seed)
        const signature = signBytes(message, pair)
        t.ok(equalBytes(signature, signBytesPortable(message, seed)))
        if (bit < 512) signature[bit >> 3]! ^= 1 << (bit & 7)
        const native = verifyBytesNative(message, signature, pair.publicKey)
        const norm = verifyBytesPortable(message, signature, pair.publicKey)
        return (
          (!native || norm) &&
          norm === (bit === 512) &&
          verifyBytes(message, signature, pair.publicKey) === norm
        )
      }
    ),
    { numRuns: 60, examples: [[new Uint8Array(32), new Uint8Array(), 512]] }
  )
)

t.test('any sizes and any bytes: false, never an exception', async () =>
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 64, maxLength: 64 })),
      fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 32, maxLength: 32 })),
      (message, signature, key) => verifyBytes(message, signature, key) === false
    ),
    { numRuns: 100 }
  )
)

t.test('domains, meshes and epochs are apart', async t => {
  const pair = keyPairFromSeed(sha256(utf8('domain')))
  const [mesh, other] = [sha256(utf8('mesh')), sha256(utf8('other'))]
  const body = utf8('body')
  const signature = sign('vote', mesh, 3, body, pair)
  t.ok(verify('vote', mesh, 3, body, signature, pair.publicKey))
  t.notOk(verify('attest', mesh, 3, body, signature, pair.publicKey))
  t.notOk(verify('vote', other, 3, body, signature, pair.publicKey))
  t.notOk(verify('vote', mesh, 4, body, signature, pair.publicKey))
  t.notOk(verify('vote', mesh, 3, utf8('bodies'), signature, pair.publicKey))
  t.equal(
    toHex(signingBytes('vote', new Uint8Array(32).fill(0xaa), 0x0102, Uint8Array.of(9))),
    `${toHex(utf8('mesh/v1/'))}04${toHex(utf8('vote'))}${'aa'.repeat(32)}020100000000000009`
  )
})

t.test('what is signed is read in one way only', async () => {
  const part = fc.tuple(
    fc.string({ maxLength: 3 }),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.nat(3),
    fc.uint8Array({ maxLength: 3 })
  )
  const same = (a: readonly unknown[], b: readonly unknown[]) => JSON.stringify(a) === JSON.stringify(b)
  fc.assert(
    fc.property(part, part, (a, b) => same(a, b) === equalBytes(signingBytes(...a), signingBytes(...b)))
  )
})

t.test('key pairs', async t => {
  const [one, two] = [keyPairFromSeed(sha256(utf8('one'))), keyPairFromSeed(sha256(utf8('two')))]
  t.notSame(one.publicKey, two.publicKey)
  t.same(keyPairFromSeed(one.secretKey), one)
  t.ok(isUsableKey(one.publicKey))
  t.notOk(isUsableKey(new Uint8Array(31)))
  t.throws(() => keyPairFromSeed(new Uint8Array(31)), { code: 'INVARIANT' })
})
