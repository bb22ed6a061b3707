/**
 * Every question to the peer goes through here. A peer that other machines can reach demands a token: the
 * person at the page is asked for it once, and it is kept for this tab alone. It may also come in the
 * address behind `#token=`, a part that browsers don't send and that is removed at once.
 */
import { byId } from './dom.js'

const NAME = 'gradmesh-token'

const given = /^#token=(\S+)$/.exec(location.hash)?.[1]
if (given !== undefined) {
  sessionStorage.setItem(NAME, decodeURIComponent(given))
  history.replaceState(null, '', location.pathname)
}

const dialog = /** @type {HTMLDialogElement} */ (byId('door'))
const field = /** @type {HTMLInputElement} */ (byId('door-token'))

/** @type {Promise<void> | undefined} */
let asking

/** One question, however many answers wait for it. @param {boolean} isWrong */
const askForToken = isWrong => {
  asking ??= new Promise(resolve => {
    byId('door-wrong').hidden = !isWrong
    dialog.showModal()
    byId('door-form').addEventListener(
      'submit',
      event => {
        event.preventDefault()
        sessionStorage.setItem(NAME, field.value.trim())
        field.value = ''
        dialog.close()
        asking = undefined
        resolve()
      },
      { once: true }
    )
  })
  return asking
}

dialog.addEventListener('cancel', event => event.preventDefault())

/**
 * @param {string} path
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
export const ask = async (path, init = {}) => {
  for (;;) {
    const token = sessionStorage.getItem(NAME)
    const headers = new Headers(init.headers)
    if (token !== null) headers.set('authorization', `Bearer ${token}`)
    const response = await fetch(path, { ...init, headers })
    if (response.status !== 401) return response
    // Meanwhile another answer may have brought the right one.
    if (token === sessionStorage.getItem(NAME)) await askForToken(token !== null)
  }
}

/** A JSON answer, or undefined where there is none now. @param {string} path */
export const askJson = async path => {
  const response = await ask(path).catch(() => undefined)
  return response?.ok === true ? response.json() : undefined
}
