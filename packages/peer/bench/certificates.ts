/**
 * How long checking a certificate of 100 validators holds the event loop, on its own thread and beside it. Medians, in
 * milliseconds; `--json` prints nothing but the last line.
 */
import { sha256, u32 } from '@gradmesh/core'
import { certificateFromVotes, keyPairFromSeed, signVote, VoteKind, verifyCertificate } from '@gradmesh/wire'
import { verifyCertificateBeside } from '../src/round/checking.ts'

const VALIDATORS = 100
const RUNS = 60

const pairs = Array.from({ length: VALIDATORS }, (_, i) => keyPairFromSeed(sha256(u32(i))))
const set = pairs.map(({ publicKey: key }) => ({ key, stake: 1n }))
const chainId = sha256(u32(VALIDATORS))
const body = { epoch: 0, slot: 1, kind: VoteKind.FINAL, blockId: chainId }
const votes = pairs.map((pair, i) => signVote(body, i, chainId, pair))

const median = (values: readonly number[]): number =>
  Math.round(100 * values.toSorted((a, b) => a - b)[values.length >> 1]!) / 100

/** The longest that the loop stood still while one check ran, and when its answer came. */
const once = async (check: () => boolean | Promise<boolean>): Promise<{ held: number; answer: number }> => {
  const startMs = performance.now()
  let answer = 0
  const checked = (async () => {
    await check()
    answer = performance.now() - startMs
  })()
  let held = 0
  for (let last = startMs; answer === 0; ) {
    await new Promise<void>(resolve => setImmediate(resolve))
    const now = performance.now()
    held = Math.max(held, now - last)
    last = now
  }
  await checked
  return { held, answer }
}

const checks = { own: verifyCertificate, beside: verifyCertificateBeside }
const figures: Record<string, { heldMs: number; answerMs: number }> = {}
for (const signers of [67, VALIDATORS]) {
  const certificate = certificateFromVotes(votes.slice(0, signers), VALIDATORS)
  for (const [name, check] of Object.entries(checks)) {
    const runs = []
    for (let run = 0; run < RUNS; run++) runs.push(await once(() => check(certificate, set, chainId)))
    figures[`${name}${signers}`] = {
      heldMs: median(runs.map(({ held }) => held)),
      answerMs: median(runs.map(({ answer }) => answer))
    }
  }
}
if (!process.argv.includes('--json')) console.table(figures)
console.log(JSON.stringify(figures))
