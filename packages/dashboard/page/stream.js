/** The peer's event stream. The browser reconnects and resumes by itself; a refusal is tried again here. */

/** @import { StreamEvent } from '@gradmesh/api' */

const TYPES = ['round', 'final', 'peer', 'delta', 'phase', 'status', 'gap']
const RETRY_MS = 5_000

/**
 * @param {(event: StreamEvent) => void} onEvent
 * @param {(state: 'live' | 'reconnecting') => void} onState
 */
export const listen = (onEvent, onState) => {
  const source = new EventSource('/v1/events?replay=all')
  source.addEventListener('open', () => onState('live'))
  source.addEventListener('error', () => {
    onState('reconnecting')
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(onEvent, onState), RETRY_MS)
  })
  for (const type of TYPES)
    source.addEventListener(type, message => onEvent(JSON.parse(/** @type {MessageEvent} */ (message).data)))
}
