/** The picture of the mesh: this peer in the middle, those it is connected with around it, as large as their stake. */
import { svg } from './dom.js'
import { formatId, formatMs } from './format.js'

/** @import { Peers, Stakes, Status } from '@gradmesh/api' */

/**
 * @typedef {object} Member
 * @property {string} key
 * @property {string} name
 * @property {number} share of the stake, 0 to 1
 * @property {string} delta what became of its newest delta
 * @property {number | null} rttMs
 * @property {boolean} graylisted
 */

const WIDTH = 480
const HEIGHT = 320
const SHOWN_MAX = 40
const RADIUS_MIN = 9
const RADIUS_MAX = 22

/**
 * Where `count` peers stand around the middle.
 * @param {number} index
 * @param {number} count
 */
export const placeOf = (index, count) => {
  const angle = (2 * Math.PI * index) / Math.max(1, count) - Math.PI / 2
  return {
    x: WIDTH / 2 + (WIDTH / 2 - 70) * Math.cos(angle),
    y: HEIGHT / 2 - 8 + (HEIGHT / 2 - 52) * Math.sin(angle)
  }
}

/**
 * Area by share, so that twice the stake looks like twice as much.
 * @param {number} share
 */
export const radiusOf = share =>
  Math.max(RADIUS_MIN, Math.min(RADIUS_MAX, 2 * RADIUS_MAX * Math.sqrt(Math.max(0, share)) * 0.8))

/**
 * @param {string} part
 * @param {string} whole
 */
export const shareOf = (part, whole) => {
  const total = BigInt(whole)
  return total === 0n ? 0 : Number((BigInt(part) * 10_000n) / total) / 10_000
}

/**
 * @param {Status} status
 * @param {Peers} peers
 * @param {Stakes} stakes
 * @param {ReadonlyMap<string, string>} deltas by key: newer than what the ledger says
 * @returns {{ self: Member, others: Member[] }}
 */
export const membersOf = (status, { peers }, { validators, trainers }, deltas) => {
  const total = validators.reduce((sum, { stake }) => sum + BigInt(stake), 0n).toString()
  const stakeOf = new Map(validators.map(({ key, stake }) => [key, stake]))
  const lastOf = new Map(trainers.map(({ key, lastRound }) => [key, lastRound]))
  /** @param {string} key @param {string | null} name @param {number | null} rttMs @param {boolean} graylisted */
  const member = (key, name, rttMs, graylisted) => {
    const last = lastOf.get(key) ?? null
    return {
      key,
      name: name || formatId(key),
      share: shareOf(stakeOf.get(key) ?? '0', total),
      delta: deltas.get(key) ?? (last === null ? 'no delta yet' : `delta of round ${last} accepted`),
      rttMs,
      graylisted
    }
  }
  return {
    self: member(status.key, status.label, null, false),
    others: [...peers]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, label, rttMs, graylisted }) => member(key, label, rttMs, graylisted))
  }
}

/** @param {number} share */
const percent = share => (share === 0 ? 'no stake' : `${(100 * share).toFixed(0)} % of the stake`)

/** @param {Member} member */
const wordsOf = member =>
  [
    member.name,
    percent(member.share),
    member.delta,
    ...(member.rttMs === null ? [] : [`round trip ${formatMs(member.rttMs)}`]),
    ...(member.graylisted ? ['graylisted'] : [])
  ].join(', ')

/**
 * @param {HTMLElement} place
 * @param {{ self: Member, others: Member[] }} members
 */
export const showMesh = (place, { self, others }) => {
  const shown = others.slice(0, SHOWN_MAX)
  const middle = { x: WIDTH / 2, y: HEIGHT / 2 - 8 }
  const at = shown.map((_, i) => placeOf(i, shown.length))
  const focused = place.contains(document.activeElement)
    ? document.activeElement?.getAttribute('data-key')
    : undefined
  const lines = at.map(({ x, y }, i) =>
    svg('line', {
      class: shown[i]?.graylisted ? 'edge bad' : 'edge',
      x1: middle.x,
      y1: middle.y,
      x2: x,
      y2: y
    })
  )
  const nodes = shown.map((member, i) => node(member, at[i] ?? middle, false, shown.length <= 12))
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'list', 'aria-label': 'peers' })
  picture.append(...lines, node(self, middle, true, true), ...nodes)
  place.replaceChildren(picture)
  if (focused !== undefined && focused !== null)
    /** @type {SVGElement | null} */ (picture.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus()
}

/**
 * @param {Member} member
 * @param {{ x: number, y: number }} at
 * @param {boolean} isSelf
 * @param {boolean} isNamed
 */
const node = (member, { x, y }, isSelf, isNamed) => {
  const r = radiusOf(member.share)
  const group = svg('g', {
    class: `node${isSelf ? ' self' : ''}${member.share === 0 ? ' plain' : ''}${member.graylisted ? ' bad' : ''}`,
    role: 'listitem',
    tabindex: 0,
    'data-key': member.key,
    'aria-label': `${isSelf ? 'this peer: ' : ''}${wordsOf(member)}`
  })
  group.append(svg('title', {}, wordsOf(member)), svg('circle', { cx: x, cy: y, r }))
  if (!isNamed) return group
  const name = member.name.length > 16 ? `${member.name.slice(0, 15)}…` : member.name
  const share = member.share === 0 ? '' : ` · ${(100 * member.share).toFixed(0)} %`
  group.append(
    svg('text', { class: 'name', x, y: y + r + 14, 'text-anchor': 'middle' }, `${name}${share}`),
    svg('text', { x, y: y + r + 28, 'text-anchor': 'middle' }, member.delta.replace('delta of ', ''))
  )
  return group
}
