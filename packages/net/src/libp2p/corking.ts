/**
 * What is written to a socket in one go leaves in one go. A Noise message is written as three: its length, what was sealed
 * and the tag; each alone would be a call of the system and, mostly, a packet that wakes the other side.
 */
import type { Socket } from 'node:net'

export const corkWrites = (socket: Socket): void => {
  const write = socket.write.bind(socket) as (...words: unknown[]) => boolean
  let isCorked = false
  const uncork = (): void => {
    isCorked = false
    socket.uncork()
  }
  socket.write = (...words: unknown[]): boolean => {
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(uncork)
    }
    return write(...words)
  }
}
