import { createServer } from 'node:net'
import { silentLogger, systemClock } from '@gradmesh/core'
import { chainIdOf, encodeTicket, PROTOCOL_VERSION, validatorSetHash } from '@gradmesh/wire'
import t from 'tap'
import { ensureKey, settleFolder } from '../../src/disk/folder.ts'
import { joinMesh } from '../../src/sync/joining.ts'
import { smallGenesis } from '../fixtures/script.ts'

/** A port where nobody answers. */
const quietPort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

t.test('nobody answers: what helps depends on whether the folder is of that mesh already', async t => {
  const genesis = smallGenesis()
  const address = `/ip4/127.0.0.1/tcp/${await quietPort()}`
  const ticket = encodeTicket({
    protocol: PROTOCOL_VERSION,
    chainId: chainIdOf(genesis),
    addresses: [address],
    height: 1,
    blockId: chainIdOf(genesis),
    validatorSetHash: validatorSetHash(genesis.validators),
    expiresAt: Math.floor(systemClock.wallMs() / 1000) + 600
  })
  const root = t.testdir({ young: {}, settled: {} })
  const join = (folder: string) => joinMesh({ ticket, folder: `${root}/${folder}`, logger: silentLogger })
  await t.rejects(join('young'), {
    code: 'JOIN_UNREACHABLE',
    message: new RegExp(`^nobody answers at the ticket's address:\n  nobody answered at ${address}: `),
    remedy: /firewall/
  })
  await settleFolder(`${root}/settled`, genesis, await ensureKey(`${root}/settled`))
  await t.rejects(join('settled'), { code: 'JOIN_UNREACHABLE', remedy: /`gradmesh up` needs no ticket/ })
})
