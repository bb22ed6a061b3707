/** Puts the page together: the stream moves the figures, and says when a table is worth asking for again. */
import { Chart } from './chart.js'
import { byId, el, shortId, showFacts, showTable } from './dom.js'
import {
  formatBytes,
  formatDuration,
  formatId,
  formatMs,
  formatPercent,
  formatShort,
  formatWhole
} from './format.js'
import { History } from './state.js'
import { listen } from './stream.js'

/** @import { Blocks, Peers, Stakes, Status, StreamEvent } from '@gradmesh/api' */

const TABLES_MS = 2_000
const BLOCKS_SHOWN = 12

const history = new History()
const charts = {
  loss: new Chart(byId('loss-chart'), { title: 'Loss', xName: 'round', format: formatShort }),
  score: new Chart(byId('score-chart'), { title: 'Score', xName: 'round', format: formatPercent }),
  finality: new Chart(byId('finality-chart'), { title: 'Time to finality', xName: 'block', format: formatMs })
}

/** @param {Status} status */
const showStatus = status => {
  const { finalityMs, bytes, adapter } = status
  document.title = `${status.network} · ${status.phase} · round ${status.round}`
  byId('network').textContent = status.network
  byId('role').textContent = status.role
  showPhase(status.phase)
  charts.score.rename(capital(status.scoreName))

  const rounds = /** @type {HTMLProgressElement} */ (byId('rounds'))
  rounds.hidden = status.roundsTotal === null
  rounds.max = status.roundsTotal ?? 1
  rounds.value = status.round

  showFacts(byId('tiles'), [
    [
      'Round',
      status.roundsTotal === null ? formatWhole(status.round) : `${status.round} / ${status.roundsTotal}`
    ],
    ['Final height', formatWhole(status.height)],
    ['Slot', formatWhole(status.slot)],
    ['Loss', formatShort(status.loss)],
    [capital(status.scoreName), formatPercent(status.score)],
    ['Finality, median', formatMs(finalityMs.p50)],
    ['Finality, 99 %', formatMs(finalityMs.p99)],
    ['Samples a second', formatShort(status.samplesPerSecond)],
    ['Connections', formatWhole(status.peers)]
  ])
  showFacts(byId('self'), [
    ['Name', status.label ?? formatId(status.key)],
    ['Key', el('code', {}, status.key)],
    [
      'Adapter',
      adapter === null ? 'none' : `${adapter.name}${adapter.software ? ' (emulated on the CPU)' : ''}`
    ],
    ['Stake', formatWhole(status.stake)],
    ['Reward', formatWhole(status.reward)],
    ['State root', el('code', {}, status.stateRoot)],
    ['Up for', formatDuration(status.uptimeSeconds)],
    ['Event-loop delay, 99 %', formatMs(status.loopDelayMs)]
  ])
  showFacts(byId('traffic'), [
    ['Delta a round', formatBytes(bytes.deltaBytesPerRound)],
    ['The same dense', formatBytes(bytes.denseBytesPerRound)],
    ['Compression', compression(bytes.deltaBytesPerRound, bytes.denseBytesPerRound)],
    ['Consensus a round', formatBytes(bytes.consensusBytesPerRound)],
    ['Sent', formatBytes(bytes.sent)],
    ['Received', formatBytes(bytes.received)]
  ])
  byId('agent').textContent = `${status.agent}, protocol ${status.protocol}, mesh ${formatId(status.chainId)}`

  const trouble = byId('trouble')
  trouble.hidden = status.lastError === null
  if (status.lastError !== null) {
    const { code, message, remedy, at } = status.lastError
    const when = new Date(at).toLocaleTimeString()
    trouble.textContent = `${when} ${code}: ${message}${remedy === null ? '' : ` What to do: ${remedy}.`}`
  }
}

/** @param {number | null} delta @param {number} dense */
const compression = (delta, dense) =>
  delta === null || delta === 0 ? formatShort(null) : `1 / ${formatShort(dense / delta)}`

/** @param {string} text */
const capital = text => text.charAt(0).toUpperCase() + text.slice(1)

/** @param {Status['phase']} phase */
const showPhase = phase => {
  const tone = phase === 'stalled' ? 'bad' : phase === 'training' || phase === 'finished' ? 'good' : 'warn'
  byId('phase').textContent = phase
  byId('phase').className = `badge ${tone}`
}

/** @param {Peers} reply */
const showPeers = ({ peers }) =>
  showTable(
    byId('peers'),
    [
      { title: 'Peer', cell: peer => shortId(peer.key, peer.label ?? formatId(peer.key)) },
      { title: 'Address', cell: peer => peer.address },
      { title: 'Direction', cell: peer => peer.direction },
      { title: 'Round trip', amount: true, cell: peer => formatMs(peer.rttMs) },
      {
        title: 'Score',
        amount: true,
        cell: peer =>
          el(
            'span',
            peer.graylisted ? { class: 'bad' } : {},
            `${formatShort(peer.score)}${peer.graylisted ? ' graylisted' : ''}`
          )
      },
      { title: 'Sent', amount: true, cell: peer => formatBytes(peer.bytesSent) },
      { title: 'Received', amount: true, cell: peer => formatBytes(peer.bytesReceived) }
    ],
    peers,
    'No connections yet.'
  )

/** @param {Stakes} stakes */
const showStakes = ({ trainers, validators }) => {
  showTable(
    byId('trainers'),
    [
      { title: 'Trainer', cell: trainer => shortId(trainer.key, trainer.label || formatId(trainer.key)) },
      { title: 'Since block', amount: true, cell: trainer => formatWhole(trainer.since) },
      { title: 'Accepted', amount: true, cell: trainer => formatWhole(trainer.accepted) },
      { title: 'Last round', amount: true, cell: trainer => formatWhole(trainer.lastRound) },
      { title: 'Balance', amount: true, cell: trainer => formatWhole(trainer.balance) }
    ],
    trainers,
    'No trainers registered.'
  )
  showTable(
    byId('validators'),
    [
      {
        title: 'Validator',
        cell: validator => shortId(validator.key, validator.label ?? formatId(validator.key))
      },
      { title: 'Stake', amount: true, cell: validator => formatWhole(validator.stake) },
      { title: 'Slashed', amount: true, cell: validator => formatWhole(validator.slashed) }
    ],
    validators,
    'No validators.'
  )
}

/** @param {Blocks} reply */
const showBlocks = ({ blocks }) =>
  showTable(
    byId('blocks'),
    [
      {
        title: 'Height',
        cell: block => el('a', { href: `/v1/blocks/${block.height}` }, formatWhole(block.height))
      },
      { title: 'Id', cell: block => shortId(block.id, formatId(block.id)) },
      { title: 'Round', amount: true, cell: block => (block.empty ? 'empty' : formatWhole(block.round)) },
      { title: 'Slot', amount: true, cell: block => formatWhole(block.slot) },
      {
        title: 'Leader',
        cell: block => (block.leader === null ? 'genesis' : shortId(block.leader, formatId(block.leader)))
      },
      { title: 'Deltas', amount: true, cell: block => formatWhole(block.deltas) },
      { title: 'Finality', amount: true, cell: block => formatMs(block.finalityMs) },
      { title: 'Size', amount: true, cell: block => formatBytes(block.bytes) }
    ],
    blocks,
    'No final blocks yet.'
  )

/** @type {[path: string, show: (reply: never) => void][]} */
const TABLES = [
  ['/v1/peers', showPeers],
  ['/v1/stakes', showStakes],
  [`/v1/blocks?limit=${BLOCKS_SHOWN}`, showBlocks]
]

let isStale = true

/** Tables are asked for when something happened, the page is seen, and the last answers have come. */
const refresh = async () => {
  if (isStale && !document.hidden) {
    isStale = false
    await Promise.all(
      TABLES.map(async ([path, show]) => {
        const response = await fetch(path).catch(() => undefined)
        if (response?.ok === true) show(/** @type {never} */ (await response.json()))
        else isStale = true
      })
    )
  }
  setTimeout(refresh, TABLES_MS)
}

let isDrawn = true
const draw = () => {
  isDrawn = true
  charts.loss.show(history.loss.points)
  charts.score.show(history.score.points)
  charts.finality.show(history.finality.points)
}

/** @param {StreamEvent} event */
const onEvent = event => {
  if (event.type === 'status') return showStatus(event.status)
  if (event.type === 'phase') showPhase(event.phase)
  isStale = true
  history.onEvent(event)
  if (isDrawn) requestAnimationFrame(draw) // a replay of a thousand events draws once
  isDrawn = false
}

listen(onEvent, state => {
  byId('link').textContent = state
  byId('link').className = `badge ${state === 'live' ? 'good' : 'warn'}`
})
refresh()
