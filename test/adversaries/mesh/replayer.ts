/** Says again, as its own words and much later, what it has heard from anybody. */
import { bendNet } from './bending.ts'
import type { MeshAdversary } from './types.ts'

const REMEMBERED = 200
const PAUSE_MS = 400
const AT_ONCE = 3

export const replayer: MeshAdversary = {
  name: 'replayer',
  twin: false,
  bend: (net, { prng, after }) => {
    const heard: { readonly topic: string; readonly message: Uint8Array }[] = []
    let replaying = false
    const replay = (): void => {
      for (let i = 0; i < AT_ONCE; i++) {
        const { topic, message } = prng.pick(heard)
        net.publish(topic, message).catch(() => {})
      }
      after(PAUSE_MS, replay)
    }
    return bendNet(net, {
      hears: (topic, message) => {
        if (heard.length < REMEMBERED) heard.push({ topic, message: message.slice() })
        else heard[prng.below(REMEMBERED)] = { topic, message: message.slice() }
        if (replaying) return
        replaying = true
        after(PAUSE_MS, replay)
      }
    })
  }
}
