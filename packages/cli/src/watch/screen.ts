/**
 * The picture that `watch` draws: pure text out of facts and the terminal's size. What the page at `/` shows
 * is here too; where there is no room, the newest rows stay and the last sections go first.
 */
import type { Status } from '@gradmesh/api'
import { cleanLabel } from '@gradmesh/core'
import { capsText } from '../commands/status.ts'
import { bytes, count, milliseconds, pairs, percent, seconds, shortKey, table } from '../format.ts'
import { bold, dim } from '../io.ts'
import { bar, cut } from '../live-line.ts'
import type { Facts, WatchedBlock } from './facts.ts'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

const LABEL_MAX = 14
const CURVE_CELLS_MAX = 32
const MARKS_MAX = 16

/** At most `rows` lines of at most `columns` letters. */
export const screen = (facts: Facts, url: string, size: ScreenSize): string[] => {
  const head = headLines(facts, url, size)
  const sections = [peersLines(facts), blocksLines(facts), contributionLines(facts, size.columns)]
  const room = size.rows - head.length
  const each = Math.floor(room / sections.length)
  const spare = sections.reduce((sum, lines) => sum + Math.max(0, each - lines.length - 1), 0)
  const shown = sections.flatMap(([title = '', ...rows], i) => {
    const lines = [title, ...rows].slice(0, Math.max(0, each - 1 + (i === 0 ? spare : 0)))
    // A title and a header without a row say nothing.
    return lines.length < 3 ? [] : ['', bold(lines[0]!, size), dim(lines[1]!, size), ...lines.slice(2)]
  })
  return [...head, ...shown].slice(0, size.rows).map(line => cut(line, size.columns))
}

const headLines = ({ status, losses, scores }: Facts, url: string, size: ScreenSize): string[] => {
  const { phase, phaseReason, progress, round, roundsTotal, finalityMs, adapter, bytes: traffic } = status
  const cells = Math.max(8, Math.min(CURVE_CELLS_MAX, size.columns - 30))
  const curve = (values: readonly number[]): string => sparkline(values, cells)
  const rounds =
    roundsTotal === null
      ? count(round)
      : `${count(round)} of ${count(roundsTotal)} ${bar(round, roundsTotal, 10)}`
  const rows: [string, string][] = [
    ['round', `${rounds}, height ${count(status.height)}, slot ${count(status.slot)}`],
    ...(progress === null
      ? []
      : ([
          [
            phase,
            `${bar(progress.done, progress.total)} ${count(progress.done)} of ${count(progress.total)} ${progress.unit}`
          ]
        ] as [string, string][])),
    ['loss', `${(status.loss?.toFixed(4) ?? '-').padEnd(9)} ${curve(losses)}`.trimEnd()],
    [status.scoreName, `${percent(status.score).padEnd(9)} ${curve(scores)}`.trimEnd()],
    ['finality', `half within ${milliseconds(finalityMs.p50)}, 99 % within ${milliseconds(finalityMs.p99)}`],
    [
      'adapter',
      adapter === null
        ? 'none'
        : `busy ${percent(status.adapterBusy, 0)}, ${count(status.samplesPerSecond)} samples/s, ${adapter.name}`
    ],
    ['caps', capsText(status.caps)],
    ['reach', status.reachability?.state ?? '-'],
    [
      'traffic',
      `sent ${bytes(traffic.sent)}, received ${bytes(traffic.received)}; a delta ${bytes(traffic.deltaBytesPerRound)}`
    ],
    ['runs for', `${seconds(status.uptimeSeconds)}, ${bytes(status.residentBytes)}`]
  ]
  const { quorum, lastError: trouble } = status
  const reason = phaseReason === null ? '' : `: ${phaseReason}`
  return [
    `${bold(cleanLabel(status.network), size)}  ${phase}${reason}  ${dim(url, size)}`,
    ...(quorum === null ? [] : [`what to do: ${quorum.remedy}`]),
    ...pairs(rows).split('\n'),
    ...(trouble === null
      ? []
      : [`${trouble.code}: ${trouble.message}`, `what to do: ${trouble.remedy ?? '-'}`])
  ]
}

const peersLines = ({ status, peers, stakes, deltas }: Facts): string[] => {
  const { validators, trainers } = stakes
  const total = validators.reduce((sum, { stake }) => sum + BigInt(stake), 0n)
  const here = new Map(peers.map(peer => [peer.key, peer]))
  const known = new Map([...validators, ...trainers, ...peers].map(({ key, label }) => [key, label ?? '']))
  known.set(status.key, status.label ?? '')
  const last = new Map(trainers.map(({ key, lastRound }) => [key, lastRound]))
  const rows = [...known].map(([key, label]) => {
    const stake = BigInt(validators.find(each => each.key === key)?.stake ?? '0')
    const isSelf = key === status.key
    const round = last.get(key) ?? null
    const rtt = here.get(key)?.rttMs ?? null
    return [
      isSelf ? '*' : here.has(key) ? '+' : '-',
      nameOf(key, label),
      stake === 0n || total === 0n ? '-' : percent(Number((stake * 1000n) / total) / 1000, 1),
      deltas.get(key) ?? (round === null ? '-' : `round ${round} accepted`),
      rtt === null ? '-' : milliseconds(rtt)
    ]
  })
  const order = ['*', '+', '-']
  rows.sort((a, b) => order.indexOf(a[0]!) - order.indexOf(b[0]!))
  const present = validators.filter(({ key }) => here.has(key) || key === status.key).length
  return [
    `PEERS  ${present} of ${validators.length} validators  (* me, + connected, - away)`,
    ...table(['', 'name', 'stake', 'last delta', 'rtt'], rows).split('\n')
  ]
}

const blocksLines = ({ blocks, stakes }: Facts): string[] => {
  const rows = blocks.map(block => [
    count(block.height),
    block.empty ? 'empty' : count(block.round),
    count(block.deltas),
    votesOf(
      block,
      stakes.validators.map(({ key }) => key)
    ),
    milliseconds(block.finalityMs)
  ])
  return ['FINAL BLOCKS', ...table(['height', 'round', 'deltas', 'votes', 'final after'], rows).split('\n')]
}

const votesOf = ({ signers }: WatchedBlock, validators: readonly string[]): string => {
  if (signers === null) return '-'
  const signed = validators.filter(key => signers.includes(key)).length
  const marks = validators.map(key => (signers.includes(key) ? '●' : '○')).join('')
  return `${validators.length > MARKS_MAX ? '' : `${marks} `}${signed}/${validators.length}`
}

const contributionLines = ({ status, stakes, receipts }: Facts, columns: number): string[] => {
  const mine = stakes.trainers.find(({ key }) => key === status.key)
  const rows = receipts.map(receipt => [
    count(receipt.round),
    receipt.outcome,
    percent(receipt.weightQ16 / 65_536, 1),
    count(receipt.reward)
  ])
  const why = receipts.find(({ outcome }) => outcome !== 'pending')?.why
  return [
    `MY DELTAS  ${count(mine?.accepted ?? null)} accepted, earned ${count(status.reward)}${stepsText(status)}`,
    ...table(['round', 'delta', 'weight', 'reward'], rows).split('\n'),
    ...(why === undefined ? [] : wrapped(why, columns))
  ]
}

const stepsText = ({ steps }: Status): string =>
  steps === null ? '' : `, ${steps.done} of ${steps.max} steps`

const nameOf = (key: string, label: string): string =>
  cleanLabel(label).slice(0, LABEL_MAX).trim() || shortKey(key)

const LEVELS = '▁▂▃▄▅▆▇█'

/** The newest values, one a cell, scaled to their own span. */
export const sparkline = (values: readonly number[], cells: number): string => {
  const shown = values.slice(-cells)
  const low = Math.min(...shown)
  const span = Math.max(...shown) - low
  return shown
    .map(value => LEVELS[span === 0 ? 0 : Math.min(7, Math.floor((8 * (value - low)) / span))])
    .join('')
}

const wrapped = (text: string, columns: number): string[] => {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Nothing flickers: from the top left corner, each line to its end, then the rest of the terminal. */
export const frameOf = (lines: readonly string[]): string =>
  `\u001b[H${lines.map(line => `${line}\u001b[K`).join('\n')}\u001b[J`

/** A screen of its own, without a cursor; and back to what was there before. */
export const ENTER = '\u001b[?1049h\u001b[?25l'
export const LEAVE = '\u001b[?25h\u001b[?1049l'
