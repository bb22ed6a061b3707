/** The end of a run: one object for machines, one page for people. */
import type { Stakes, Status } from '@gradmesh/api'
import { count, milliseconds, pairs, percent, seconds, shortKey, table } from '../format.ts'
import { bold, green, type Io, red } from '../io.ts'
import { percentile, type RunRecord } from './record.ts'

/** The last line of `gradmesh demo --json`. */
export interface DemoResult {
  readonly ok: boolean
  /** Lowest of the peers' own measurements on held-out data, 0..1. */
  readonly accuracy: number
  readonly rounds: number
  /** Training time: from the first peer that trained to the close of the last round. */
  readonly seconds: number
  readonly roots: readonly string[]
  /** One signed delta, one copy, header and signature counted; mean over all deltas. */
  readonly deltaBytesPerPeerRound: number
  readonly denseBytesPerPeerRound: number
  readonly consensusBytesPerPeerRound: number
  readonly finalityMsP50: number
  readonly finalityMsP99: number
  readonly samplesPerSecond: number
  readonly adapter: string
}

export interface SummaryInit {
  readonly record: RunRecord
  /** Of every peer, after its end. */
  readonly statuses: readonly Status[]
  readonly scoreTarget: number
}

export const resultOf = ({ record, statuses, scoreTarget }: SummaryInit): DemoResult => {
  const roots = statuses.map(({ stateRoot }) => stateRoot)
  const accuracy = Math.min(...statuses.map(({ score }) => score ?? 0))
  return {
    ok: isAgreed(roots, record) && accuracy >= scoreTarget,
    accuracy,
    rounds: record.roundsClosed,
    seconds: rounded(record.trainingSeconds, 2),
    roots,
    deltaBytesPerPeerRound: Math.round(record.deltaBytes),
    denseBytesPerPeerRound: statuses[0]!.bytes.denseBytesPerRound,
    consensusBytesPerPeerRound: Math.round(
      mean(statuses.map(({ bytes }) => bytes.consensusBytesPerRound ?? 0))
    ),
    finalityMsP50: rounded(percentile(record.finalityMs, 0.5) ?? 0, 1),
    finalityMsP99: rounded(percentile(record.finalityMs, 0.99) ?? 0, 1),
    samplesPerSecond: rounded(record.samplesPerSecond, 1),
    adapter: statuses[0]!.adapter?.name ?? 'none'
  }
}

const isAgreed = (roots: readonly string[], { disagreements }: RunRecord): boolean =>
  new Set(roots).size === 1 && disagreements.length === 0

export const summaryText = (
  init: SummaryInit,
  result: DemoResult,
  stakes: Stakes,
  labels: readonly string[],
  io: Pick<Io, 'colour'>
): string => {
  const { record, statuses, scoreTarget } = init
  const agreed = isAgreed(result.roots, record)
  const met = result.accuracy >= scoreTarget
  const ratio =
    result.deltaBytesPerPeerRound === 0 ? 0 : result.denseBytesPerPeerRound / result.deltaBytesPerPeerRound
  const software = statuses[0]!.adapter?.software === true
  const peers = result.roots.length
  return [
    '',
    bold(
      agreed ? `All ${peers} peers hold the same state.` : red('The peers do NOT hold the same state.', io),
      io
    ),
    '',
    pairs([
      [
        statuses[0]!.scoreName,
        `${(met ? green : red)(percent(result.accuracy), io)} on data no peer trained on (target ${percent(scoreTarget, 1)}, ${met ? 'met' : 'not met'})`
      ],
      [
        'state root',
        agreed
          ? `${result.roots[0]} on all ${peers}, equal after each of ${record.heightsCompared} rounds`
          : disagreementText(result.roots, record)
      ],
      [
        'training',
        `${result.rounds} rounds in ${seconds(result.seconds)}, ${count(result.samplesPerSecond)} samples/s over all peers`
      ],
      ['adapter', `${result.adapter}${software ? ' (software: the CPU does the work of a GPU)' : ''}`],
      [
        'delta',
        `${count(result.deltaBytesPerPeerRound)} bytes a peer and round, header and signature counted: 1/${ratio.toFixed(0)} of dense f32 exchange (${count(result.denseBytesPerPeerRound)})`
      ],
      ['consensus', `${count(result.consensusBytesPerPeerRound)} bytes a peer and round beside it`],
      [
        'finality',
        `half of the blocks within ${milliseconds(result.finalityMsP50)}, 99 % within ${milliseconds(result.finalityMsP99)}`
      ],
      [
        'event loop',
        `late by at most ${milliseconds(Math.max(...statuses.map(({ loopDelayMs }) => loopDelayMs)))} in 99 % of its turns, on the worst peer`
      ]
    ]),
    '',
    table(
      ['peer', 'key', 'stake', 'deltas accepted', 'reward'],
      statuses.map((status, i) => stakeRow(status, labels[i]!, stakes))
    ),
    ''
  ].join('\n')
}

const disagreementText = (roots: readonly string[], { disagreements }: RunRecord): string =>
  `${roots.map(shortKey).join(', ')}${disagreements.length === 0 ? '' : `; first different at height ${disagreements[0]}`}`

const stakeRow = ({ key }: Status, label: string, { validators, trainers }: Stakes): string[] => {
  const validator = validators.find(each => each.key === key)
  const trainer = trainers.find(each => each.key === key)
  return [
    label,
    shortKey(key),
    count(validator?.stake ?? null),
    count(trainer?.accepted ?? null),
    count(trainer === undefined ? null : earnedBy(trainer))
  ]
}

const earnedBy = ({ balance, vesting }: Stakes['trainers'][number]): string =>
  String(vesting.reduce((sum, { amount }) => sum + BigInt(amount), BigInt(balance)))

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
