import { verify } from 'node:crypto'
import { fromHex, sha256, utf8 } from '@gradmesh/core'
import * as wire from '@gradmesh/wire'
import t from 'tap'
import { verifyBeside, verifyCertificateBeside } from '../../src/round/checking.ts'

const digestOf = (name: string): Uint8Array => sha256(utf8(name))
const chainId = digestOf('mesh')

t.test('a large certificate is checked beside this thread, to the same answer', async t => {
  const size = 100
  const many = Array.from({ length: size }, (_, i) => wire.keyPairFromSeed(digestOf(`validator ${i}`)))
  const set = many.map(({ publicKey: key }) => ({ key, stake: 1n }))
  const body = { epoch: 0, slot: 5, kind: wire.VoteKind.FINAL, blockId: digestOf('a') }
  const votes = many.map((pair, i) => wire.signVote(body, i, chainId, pair))
  const of = (count: number) => wire.certificateFromVotes(votes.slice(0, count), size)
  const answer = async (certificate: wire.Certificate) => {
    const beside = await verifyCertificateBeside(certificate, set, chainId)
    t.equal(beside, wire.verifyCertificate(certificate, set, chainId))
    return beside
  }
  t.type(verifyCertificateBeside(of(size), set, chainId), Promise)
  t.equal(verifyCertificateBeside(of(40), set, chainId), false, 'a small one is answered at once')
  t.ok(await answer(of(size)))
  t.ok(await answer(of(67)))
  t.notOk(await answer(of(66)), 'no quorum')
  for (const forged of [0, 39, 40, 99]) {
    const { signatures, ...rest } = of(size)
    t.notOk(await answer({ ...rest, signatures: signatures.with(forged, signatures[(forged + 1) % size]!) }))
    t.notOk(await answer({ ...rest, signatures: signatures.with(forged, new Uint8Array(63)) }))
  }
  const { signatures, ...rest } = of(size)
  t.notOk(await answer({ ...rest, signatures: signatures.slice(1) }), 'one short')
  t.notOk(await verifyCertificateBeside(of(size), set, digestOf('other')), 'of another mesh')
})

t.test('ZIP-215 decides there too: OpenSSL refuses this one', async t => {
  // One of the wire's ed25519-cases.json.
  const message = fromHex('677261646d657368')!
  const key = fromHex('7b92d8583bf98af2c7f9d887e881a790aafc507aab920c5aca26d056cc207b22')!
  const signature = fromHex(
    '4dbb66e1e75a1b3a23a3814add3b8acb1805d2c02495c2439fb6e99eef44ee5095f3b1aa70362ae2a18dfe0dd8951698c86fded6e6acf6cf4ed17960fd1bb107'
  )!
  t.notOk(verify(null, message, wire.openSslKey(key)!, signature))
  t.ok(await verifyBeside(message, signature, key))
  t.notOk(await verifyBeside(Uint8Array.of(1, ...message), signature.with(63, 255), key))
  t.notOk(await verifyBeside(message, signature, new Uint8Array(31)))
})
