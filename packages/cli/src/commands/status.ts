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

export const capsText = ({
  gpuShare,
  memoryBytes,
  uploadBytesPerSecond,
  downloadBytesPerSecond,
  hours,
  pause
}: Status['caps']): string => {
  const caps = [
    ...(gpuShare === null ? [] : [`GPU ${percent(gpuShare, 0)}`]),
    ...(memoryBytes === null ? [] : [`memory ${bytes(memoryBytes)}`]),
    ...(uploadBytesPerSecond === null ? [] : [`upload ${bytes(uploadBytesPerSecond)}/s`]),
    ...(downloadBytesPerSecond === null ? [] : [`download ${bytes(downloadBytesPerSecond)}/s`]),
    ...(hours === null ? [] : [`hours ${hours}`])
  ]
  if (caps.length === 0) return 'none'
  return `${caps.join(', ')}${pause === null ? '' : `; training pauses: ${pause}`}`
}

const reachabilityText = (reachability: Status['reachability']): string => {
  if (reachability === null) return '-'
  const { state, detail, remedy } = reachability
  return `${state}: ${detail}${state !== 'cut-off' || remedy === null ? '' : ` ${remedy}`}`
}

export const statusText = (status: Status): string => {
  const { finalityMs, bytes: traffic, adapter, lastError, quorum } = status
  const rows: [string, string][] = [
    ['mesh', `${status.network}, learns ${status.task} (${status.chainId})`],
    ['peer', `${status.label === null ? '' : `${status.label}, `}${status.role}, ${status.key}`],
    ['phase', status.phase],
    ...(quorum === null
      ? []
      : ([
          ['what happened', quorum.detail],
          ['what to do', quorum.remedy]
        ] as [string, string][])),
    [
      'round',
      `${status.round}${status.roundsTotal === null ? '' : ` of ${status.roundsTotal}`}, height ${status.height}, slot ${status.slot}`
    ],
    ['state root', status.stateRoot],
    ['loss', status.loss?.toFixed(4) ?? '-'],
    [status.scoreName, percent(status.score)],
    ['peers', count(status.peers)],
    ['reachable', reachabilityText(status.reachability)],
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
    [
      'adapter',
      adapter === null
        ? '-'
        : `${adapter.name}${adapter.software ? ' (software)' : ''}, busy ${percent(status.adapterBusy, 0)}`
    ],
    ['steps', status.steps === null ? '-' : `${status.steps.done} of ${status.steps.max} in the last round`],
    ['memory', bytes(status.residentBytes)],
    ['disk', diskText(status.diskBytes)],
    ['caps', capsText(status.caps)],
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

const diskText = (disk: Status['diskBytes']): string => {
  if (disk === null) return '-'
  const { checkpoints, deltas, blocks } = disk
  const total = Object.values(disk).reduce((sum, part) => sum + part, 0)
  return `${bytes(total)}: checkpoints ${bytes(checkpoints)}, deltas ${bytes(deltas)}, blocks ${bytes(blocks)}`
}
