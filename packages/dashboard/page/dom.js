/** Elements from data. Text only ever enters as text: labels come from strangers. */

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
export const el = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} text
 */
export const svg = (tag, attributes, text = '') => {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  if (text !== '') element.textContent = text
  return element
}

/** @param {string} id */
export const byId = id => {
  const element = document.getElementById(id)
  if (element === null) throw new ReferenceError(`the page has no #${id}`)
  return element
}

/**
 * Term and description pairs into a `<dl>`.
 * @param {HTMLElement} list
 * @param {[term: string, value: Node | string][]} facts
 */
export const showFacts = (list, facts) =>
  list.replaceChildren(
    ...facts.map(([term, value]) => el('div', {}, el('dt', {}, term), el('dd', {}, value)))
  )

/** What is wider than its place is scrolled by arrow keys too. @param {HTMLElement} place */
const letScroll = place => {
  if (place.scrollWidth > place.clientWidth) place.tabIndex = 0
  else place.removeAttribute('tabindex')
}

const widths = new ResizeObserver(entries => {
  for (const { target } of entries) letScroll(/** @type {HTMLElement} */ (target))
})

/**
 * @template T
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: T) => Node | string} cell
 * @property {boolean} [amount] right-aligned
 */

/**
 * @template T
 * @param {HTMLElement} place
 * @param {readonly Column<T>[]} columns
 * @param {readonly T[]} rows
 * @param {string} none what stands there when there are no rows
 */
export const showTable = (place, columns, rows, none) => {
  if (rows.length === 0) return place.replaceChildren(el('p', { class: 'quiet' }, none))
  const classOf = (/** @type {Column<T>} */ column) =>
    /** @type {Record<string, string>} */ (column.amount === true ? { class: 'amount' } : {})
  const head = el(
    'tr',
    {},
    ...columns.map(column => el('th', { scope: 'col', ...classOf(column) }, column.title))
  )
  const body = rows.map(row =>
    el('tr', {}, ...columns.map(column => el('td', classOf(column), column.cell(row))))
  )
  const focused = place.contains(document.activeElement)
    ? document.activeElement?.getAttribute('href')
    : undefined
  place.replaceChildren(el('table', {}, el('thead', {}, head), el('tbody', {}, ...body)))
  letScroll(place)
  widths.observe(place)
  // Whoever walks the table by keyboard stays where they are.
  if (focused !== undefined && focused !== null)
    /** @type {HTMLElement | null} */ (place.querySelector(`a[href="${CSS.escape(focused)}"]`))?.focus()
}

/** A key or digest, short, whole on hovering. @param {string} hex @param {string} short */
export const shortId = (hex, short) => el('code', { title: hex }, short)
