/**
 * Peers find each other on a local network without any address: two network namespaces, joined by a
 * veth pair, stand for two hosts. Needs Linux, root and the `ip` command; elsewhere it is skipped and
 * says why.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { until } from './fixtures/local.ts'

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

const id = process.pid.toString(36)
const [one, two] = [`gm-${id}-1`, `gm-${id}-2`] as const

const whyNot = (): string | undefined => {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    ip('netns', 'add', one)
    ip('netns', 'del', one)
    return undefined
  } catch (error) {
    return `ip netns does not work here (Debian: apt-get install iproute2): ${String(error).split('\n')[0]}`
  }
}

const reason = whyNot()

const peerOf = (namespace: string, seed: number, address: string, tag: string) => {
  const script = fileURLToPath(new URL('fixtures/mdns-peer.ts', import.meta.url))
  const child: ChildProcess = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, script, String(seed), address, tag],
    { stdio: ['ignore', 'pipe', 'inherit'] }
  )
  const lines: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')))
  const value = (word: string): string | undefined =>
    lines.find(line => line.startsWith(`${word} `))?.slice(word.length + 1)
  return { child, value, connections: () => lines.filter(line => line.startsWith('connected ')).length }
}

t.test(
  'two hosts of one mesh find each other by mDNS; a third of another mesh stays alone',
  {
    skip: reason ?? false
  },
  async t => {
    const children: ChildProcess[] = []
    t.teardown(async () => {
      await Promise.all(
        children.map(async child => {
          if (child.exitCode !== null) return
          const ended = new Promise(resolve => child.once('exit', resolve))
          child.kill('SIGKILL')
          await ended
        })
      )
      for (const namespace of [one, two]) {
        try {
          ip('netns', 'del', namespace)
        } catch {
          t.comment(`${namespace} was gone already`)
        }
      }
    })
    ip('netns', 'add', one)
    ip('netns', 'add', two)
    ip('link', 'add', `gma${id}`, 'netns', one, 'type', 'veth', 'peer', 'name', `gmb${id}`, 'netns', two)
    for (const [namespace, link, addresses] of [
      [one, `gma${id}`, ['10.77.0.1/24']],
      [two, `gmb${id}`, ['10.77.0.2/24', '10.77.0.3/24']]
    ] as const) {
      for (const address of addresses) ip('-n', namespace, 'addr', 'add', address, 'dev', link)
      ip('-n', namespace, 'link', 'set', link, 'up')
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
      ip('-n', namespace, 'route', 'add', '224.0.0.0/4', 'dev', link)
    }
    const a = peerOf(one, 1, '10.77.0.1', 'mesh-a')
    children.push(a.child)
    await until(() => a.value('self') !== undefined)
    const stranger = peerOf(two, 3, '10.77.0.3', 'mesh-b')
    const b = peerOf(two, 2, '10.77.0.2', 'mesh-a')
    children.push(stranger.child, b.child)
    await until(() => b.value('self') !== undefined && stranger.value('self') !== undefined)
    const tookMs = await until(
      () => a.value('connected') !== undefined && b.value('connected') !== undefined,
      30_000
    )
    t.comment(`found after ${Math.round(tookMs)} ms`)
    t.equal(a.value('connected'), b.value('self'))
    t.equal(b.value('connected'), a.value('self'))
    await new Promise(resolve => setTimeout(resolve, 1500))
    t.strictSame([a.connections(), b.connections(), stranger.connections()], [1, 1, 0])
  }
)
