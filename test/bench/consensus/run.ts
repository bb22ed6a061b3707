/** `npm run bench:consensus`: how long the vote takes, among four real peers and among a hundred simulated ones. */
import { parseArgs } from 'node:util'
import { withoutAdapter } from '../../e2e/harness.ts'
import { type LocalFigures, measureLocal } from './local.ts'
import { type OverlayFigures, simulateOverlay } from './overlay.ts'

const HELP = `npm run bench:consensus -- [OPTIONS]

Four real peers on 127.0.0.1 with nothing to train, then 4, 16, 64 and 100 validators on simulated time.

  --seconds N   of the measurement among real peers (20)
  --blocks N    final blocks of each simulation (30)
  --rtt MS      between two simulated neighbours (200)
  --loss N      percent of the simulated transmissions that are lost (1)
  --seed N      of the simulations (1)
  --json        the last line is one object: local4, simulated4 … simulated100
  --help        this page

local4 is null where there is no WebGPU adapter.`

const SIZES = [4, 16, 64, 100]

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    blocks: { type: 'string', default: '30' },
    rtt: { type: 'string', default: '200' },
    loss: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const round = (value: number): number => Number(value.toPrecision(3))

const tellLocal = ({ blocks, blocksPerSecond, finalityMsP50, finalityMsP99 }: LocalFigures): void =>
  console.error(
    `4 real peers: ${blocks} blocks, ${round(blocksPerSecond)} a second; final after ${round(finalityMsP50)} ms (p50), ${round(finalityMsP99)} ms (p99)`
  )

const tellSimulated = (figures: OverlayFigures): void =>
  console.error(
    `${figures.validators} simulated: final after ${figures.finalityMsP50} ms (p50), ${figures.finalityMsP99} ms (p99), ${figures.slotsSkipped} slots skipped; a peer sends ${figures.messagesPerPeerAndBlock} messages, ${round(figures.bytesPerPeerAndBlock / 1024)} KiB a block`
  )

const main = async (): Promise<number> => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const [seconds, blocks, rttMs, lossPercent, seed] = [
    values.seconds,
    values.blocks,
    values.rtt,
    values.loss,
    values.seed
  ].map(Number) as [number, number, number, number, number]
  if (!(seconds > 0 && blocks >= 1 && rttMs >= 2 && lossPercent >= 0 && lossPercent < 100 && seed >= 0)) {
    console.error('--seconds, --blocks and --rtt take numbers above 0, --loss 0 to 99')
    return 2
  }
  const lack = await withoutAdapter()
  if (lack !== null) console.error(`skipped the real peers: ${lack}`)
  const local4 = lack === null ? await measureLocal(seconds) : null
  if (local4 !== null) tellLocal(local4)
  const simulated: Record<string, OverlayFigures> = {}
  for (const validators of SIZES) {
    const figures = simulateOverlay({ validators, blocks, rttMs, lossPercent, seed })
    simulated[`simulated${validators}`] = figures
    tellSimulated(figures)
  }
  if (values.json) console.log(JSON.stringify({ local4, ...simulated }))
  return 0
}

process.exitCode = await main()
