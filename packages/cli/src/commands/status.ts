import type { Status } from '@gradmesh/api'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { bytes, count, milliseconds, pairs, percent, seconds } from '../format.ts'
import { urlOption } from '../settings.ts'

export const command: Command = {
  name: 'status',
  options: urlOption,
  examples: ['gradmesh status', 'gradmesh status --json'],
  async run({ values, io }) {
    const status = await (await clientOf(values)).status()
    io.print(io.json ? JSON.stringify(status) : statusText(status))
    return EXIT.ok
  }
}

export const statusText = (status: Status): string => {
  const { finalityMs, bytes: traffic, adapter, lastError } = status
  const rows: [string, string][] = [
    ['mesh', `${status.network}, learns ${status.task} (${status.chainId})`],
    ['peer', `${status.label === null ? '' : `${status.label}, `}${status.role}, ${status.key}`],
    ['phase', status.phase],
    [
      'round',
      `${status.round}${status.roundsTotal === null ? '' : ` of ${status.roundsTotal}`}, height ${status.height}, slot ${status.slot}`
    ],
    ['state root', status.stateRoot],
    ['loss', status.loss?.toFixed(4) ?? '-'],
    [status.scoreName, percent(status.score)],
    ['peers', count(status.peers)],
    [
      'finality',
      `last ${milliseconds(finalityMs.last)}, half within ${milliseconds(finalityMs.p50)}, 99 % within ${milliseconds(finalityMs.p99)}`
    ],
    ['pace', `${count(status.samplesPerSecond)} samples/s`],
    [
      'delta',
      `${bytes(traffic.deltaBytesPerRound)} a round; dense f32 would be ${bytes(traffic.denseBytesPerRound)}`
    ],
    ['traffic', `sent ${bytes(traffic.sent)}, received ${bytes(traffic.received)}`],
    ['adapter', adapter === null ? '-' : `${adapter.name}${adapter.software ? ' (software)' : ''}`],
    ['stake', count(status.stake)],
    ['reward', count(status.reward)],
    ['addresses', status.addresses.join(' ')],
    ['runs for', seconds(status.uptimeSeconds)],
    ['loop delay', milliseconds(status.loopDelayMs)]
  ]
  if (lastError !== null) {
    rows.push(['last error', `${lastError.code}: ${lastError.message}`])
    if (lastError.remedy !== null) rows.push(['what to do', lastError.remedy])
  }
  return pairs(rows)
}
