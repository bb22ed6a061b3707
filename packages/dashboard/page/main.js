/** Puts the page together: the stream moves the figures, and says when a table is worth asking for again. */
import { askJson } from './ask.js'
import { Chart } from './chart.js'
import { Contribution, outcomeOf } from './contribution.js'
import { byId, el, shortId, showFacts, showTable } from './dom.js'
import {
  formatBytes,
  formatDuration,
  formatId,
  formatMs,
  formatPercent,
  formatShort,
  formatWhole,
  UNKNOWN
} from './format.js'
import { membersOf, shareOf, showMesh } from './mesh.js'
import { History } from './state.js'
import { listen } from './stream.js'

/** @import { Block, Blocks, Peers, Receipt, Stakes, Status, StreamEvent } from '@gradmesh/api' */

const TABLES_MS = 2_000
const BLOCKS_SHOWN = 12

const history = new History()
const contribution = new Contribution()
/** @type {Status | undefined} */
let newest
/** @type {Stakes} */
let stakesNow = { height: 0, validators: [], trainers: [], minted: '0', burnt: '0' }
const charts = {
  loss: new Chart(byId('loss-chart'), { title: 'Loss', xName: 'round', format: formatShort }),
  score: new Chart(byId('score-chart'), { title: 'Score', xName: 'round', format: formatPercent }),
  finality: new Chart(byId('finality-chart'), { title: 'Time to finality', xName: 'block', format: formatMs })
}

/** @param {Status} status */
const showStatus = status => {
  const { finalityMs, bytes, adapter } = status
  newest = status
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
    ['Adapter at work', formatPercent(status.adapterBusy)],
    ['Steps a round', status.steps === null ? UNKNOWN : `${status.steps.done} of ${status.steps.max}`],
    ['Memory', formatBytes(status.residentBytes)],
    ['Caps', capsText(status.caps)],
    ['Pace', `${formatShort(status.samplesPerSecond)} samples a second`],
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
  trouble.hidden = status.lastError === null && status.quorum === null
  if (status.quorum !== null)
    trouble.textContent = `${status.quorum.detail} What to do: ${status.quorum.remedy}`
  if (status.lastError !== null) {
    const { code, message, remedy, at } = status.lastError
    const when = new Date(at).toLocaleTimeString()
    trouble.textContent = `${when} ${code}: ${message}${remedy === null ? '' : ` What to do: ${remedy}.`}`
  }
}

/** @param {Status['caps']} caps */
const capsText = ({ gpuShare, memoryBytes, uploadBytesPerSecond, downloadBytesPerSecond, hours, pause }) => {
  const caps = [
    gpuShare === null ? '' : `GPU ${formatPercent(gpuShare)}`,
    memoryBytes === null ? '' : `memory ${formatBytes(memoryBytes)}`,
    uploadBytesPerSecond === null ? '' : `upload ${formatBytes(uploadBytesPerSecond)}/s`,
    downloadBytesPerSecond === null ? '' : `download ${formatBytes(downloadBytesPerSecond)}/s`,
    hours === null ? '' : `hours ${hours}`
  ].filter(text => text !== '')
  if (caps.length === 0) return 'none'
  return `${caps.join(', ')}${pause === null ? '' : `; training pauses: ${pause}`}`
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
      { title: 'Peer', cell: peer => shortId(peer.key, peer.label || formatId(peer.key)) },
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
        cell: validator => shortId(validator.key, validator.label || formatId(validator.key))
      },
      { title: 'Stake', amount: true, cell: validator => formatWhole(validator.stake) },
      { title: 'Slashed', amount: true, cell: validator => formatWhole(validator.slashed) }
    ],
    validators,
    'No validators.'
  )
}

/** Final blocks never change: each is asked for once. @type {Map<number, Block>} */
const details = new Map()

/** @param {Blocks} reply */
const showBlocks = async ({ blocks }) => {
  for (const { height } of blocks) {
    if (details.has(height)) continue
    const block = await askJson(`/v1/blocks/${height}`)
    if (block !== undefined) details.set(height, block)
  }
  for (const height of details.keys())
    if (!blocks.some(block => block.height === height)) details.delete(height)
  showTable(
    byId('blocks'),
    [
      {
        title: 'Height',
        cell: block => el('a', { href: `/v1/blocks/${block.height}` }, formatWhole(block.height))
      },
      { title: 'Id', cell: block => shortId(block.id, formatId(block.id)) },
      { title: 'Round', amount: true, cell: block => (block.empty ? 'empty' : formatWhole(block.round)) },
      { title: 'Votes', cell: block => votesOf(details.get(block.height)) },
      { title: 'Slot', amount: true, cell: block => formatWhole(block.slot) },
      {
        title: 'Leader',
        cell: block => (block.leader === null ? 'genesis' : shortId(block.leader, nameOf(block.leader)))
      },
      { title: 'Deltas', amount: true, cell: block => formatWhole(block.deltas) },
      { title: 'Finality', amount: true, cell: block => formatMs(block.finalityMs) },
      { title: 'Size', amount: true, cell: block => formatBytes(block.bytes) }
    ],
    blocks,
    'No final blocks yet.'
  )
}

/** One mark a validator, and what the signers' stake comes to. @param {Block | undefined} block */
const votesOf = block => {
  const { validators } = stakesNow
  const signers = block?.certificate?.signers
  if (signers === undefined || validators.length === 0) return UNKNOWN
  const total = validators.reduce((sum, { stake }) => sum + BigInt(stake), 0n)
  const signed = validators.filter(({ key }) => signers.includes(key))
  const stake = signed.reduce((sum, { stake }) => sum + BigInt(stake), 0n)
  const marks = validators.map(({ key }) => (signers.includes(key) ? '●' : '○')).join('')
  const names = signed.map(({ key }) => nameOf(key)).join(', ')
  const share = formatPercent(shareOf(String(stake), String(total)))
  return el(
    'span',
    { title: `signed by ${names}` },
    ...(validators.length <= 16 ? [el('span', { 'aria-hidden': 'true', class: 'marks' }, marks), ' '] : []),
    `${signed.length} of ${validators.length}, ${share}`
  )
}

/** @param {string} key */
const nameOf = key => {
  const { validators, trainers } = stakesNow
  return (
    trainers.find(each => each.key === key)?.label ||
    validators.find(each => each.key === key)?.label ||
    formatId(key)
  )
}

/** @param {Receipt[]} receipts */
const showReceipts = receipts => {
  const { trainers, validators } = stakesNow
  const mine = trainers.find(({ key }) => key === newest?.key)
  const stake = validators.find(({ key }) => key === newest?.key)
  const all = trainers.reduce((sum, { accepted }) => sum + accepted, 0)
  showFacts(byId('contribution'), [
    ['Deltas accepted', mine === undefined ? UNKNOWN : formatWhole(mine.accepted)],
    ['Of all so far', mine === undefined || all === 0 ? UNKNOWN : formatPercent(mine.accepted / all)],
    ['Earned', formatWhole(mine?.balance ?? null)],
    ['Stake', stake === undefined ? 'none: trains, does not vote' : formatWhole(stake.stake)]
  ])
  showTable(
    byId('receipts'),
    [
      {
        title: 'Round',
        cell: receipt => el('a', { href: `/v1/deltas/${receipt.digest}` }, formatWhole(receipt.round))
      },
      { title: 'Delta', cell: outcomeOf },
      { title: 'Weight', amount: true, cell: receipt => formatPercent(receipt.weightQ16 / 65_536) },
      { title: 'Reward', amount: true, cell: receipt => formatWhole(receipt.reward) },
      { title: 'Why', cell: receipt => el('span', { class: 'why' }, receipt.why) }
    ],
    receipts,
    'No deltas of this peer yet.'
  )
}

/** @param {Peers} peers */
const showPicture = peers => {
  if (newest === undefined) return
  const members = membersOf(newest, peers, stakesNow, contribution.newest)
  showMesh(byId('mesh'), members)
  const here = new Set([newest.key, ...members.others.map(({ key }) => key)])
  const { validators } = stakesNow
  const present = validators.filter(({ key }) => here.has(key)).length
  byId('mesh-caption').textContent =
    `Lines are connections of this peer, green; a circle's area is its share of the stake. ${present} of ${validators.length} validators are here.`
}

let isStale = true

/** Tables are asked for when something happened, the page is seen, and the last answers have come. */
const refresh = async () => {
  if (isStale && !document.hidden) {
    isStale = false
    const [stakes, peers, blocks] = await Promise.all([
      askJson('/v1/stakes'),
      askJson('/v1/peers'),
      askJson(`/v1/blocks?limit=${BLOCKS_SHOWN}`)
    ])
    if (stakes !== undefined) stakesNow = stakes
    showStakes(stakesNow)
    if (peers !== undefined) {
      showPeers(peers)
      showPicture(peers)
    }
    if (blocks !== undefined) await showBlocks(blocks)
    showReceipts(await contribution.receipts())
    if (stakes === undefined || peers === undefined || blocks === undefined) isStale = true
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
  contribution.onEvent(event)
  if (isDrawn) requestAnimationFrame(draw) // a replay of a thousand events draws once
  isDrawn = false
}

listen(onEvent, state => {
  byId('link').textContent = state
  byId('link').className = `badge ${state === 'live' ? 'good' : 'warn'}`
})
refresh()
