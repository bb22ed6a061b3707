import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { readGenesis } from '@gradmesh/peer'
import t from 'tap'
import { planDemo } from '../../src/demo/plan.ts'

const PORT = 20_710
const init = { peers: 2, rounds: 3, seed: '1', task: 'digits', portBase: PORT }

t.test('a folder, ports and the addresses of all the others for each peer', async t => {
  const data = join(t.testdir(), 'new')
  const plan = await planDemo({ ...init, data })
  t.strictSame(
    plan.peers.map(({ port, p2pPort }) => [port, p2pPort]),
    [
      [PORT, PORT + 10],
      [PORT + 1, PORT + 11]
    ]
  )
  t.match(plan.peers[0]?.others, [new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/${PORT + 11}/p2p/12D3`)])
  t.strictSame(readdirSync(data).sort(), ['peer-0', 'peer-1'])
  const { genesis } = await readGenesis(join(data, 'peer-1'))
  t.equal(genesis.end.rounds, 3)
  t.equal(genesis.validators.length, 2)

  await t.rejects(planDemo({ ...init, data }), {
    code: 'DEMO_FOLDER_USED',
    message: /already holds a run/,
    remedy: /another folder/
  })
})

t.test('a folder with other things in it is left alone', async t => {
  const data = t.testdir()
  writeFileSync(join(data, 'thesis.txt'), 'precious')
  await t.rejects(planDemo({ ...init, data }), { code: 'DEMO_FOLDER_USED', message: /not empty/ })
  t.strictSame(readdirSync(data), ['thesis.txt'])
})

t.test('ports in use are named, and nothing is made', async t => {
  const server = createServer().listen(PORT + 11, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const data = join(t.testdir(), 'new')
  await t.rejects(planDemo({ ...init, data }), {
    code: 'PORTS_IN_USE',
    message: new RegExp(`port ${PORT + 11} `),
    remedy: /--port-base/
  })
  t.strictSame(readdirSync(t.testdirName), [])
})
