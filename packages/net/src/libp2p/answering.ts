/**
 * Whether the other end of exactly this connection still answers: by libp2p's ping protocol, whose own client chooses among
 * the connections with a peer, and so can't tell a dead one from a fresh one.
 */
import { randomBytes } from 'node:crypto'
import type { Connection } from '@libp2p/interface'

const PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

export const isAnswered = async (connection: Connection, timeoutMs: number): Promise<boolean> => {
  const signal = AbortSignal.timeout(timeoutMs)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  signal.addEventListener('abort', () => resolve(false), { once: true })
  try {
    const stream = await connection.newStream(PROTOCOL, { signal, runOnLimitedConnection: true })
    stream.addEventListener('message', () => resolve(true), { once: true })
    stream.addEventListener('close', () => resolve(false), { once: true })
    stream.send(randomBytes(PING_BYTES))
    const answered = await promise
    if (answered) await stream.close()
    return answered
  } catch {
    return false
  }
}
