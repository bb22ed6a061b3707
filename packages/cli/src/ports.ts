import { createServer } from 'node:net'
import { MeshError } from '@gradmesh/core'

/** Why the port can't be listened on, or null. */
export const portTrouble = (host: string, port: number): Promise<'taken' | 'forbidden' | 'address' | null> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EACCES' ? 'forbidden' : code === 'EADDRNOTAVAIL' ? 'address' : 'taken')
    )
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })

/** @throws MeshError `PORTS_IN_USE`, with the ports named */
export const requireFreePorts = async (
  host: string,
  ports: readonly number[],
  remedy: string
): Promise<void> => {
  const troubles = await Promise.all(ports.map(port => portTrouble(host, port)))
  const taken = ports.filter((_, i) => troubles[i] !== null)
  if (taken.length === 0) return
  throw new MeshError(
    'PORTS_IN_USE',
    `port${taken.length === 1 ? '' : 's'} ${taken.join(', ')} on ${host} cannot be listened on`,
    {
      remedy,
      data: { ports: taken.join(',') }
    }
  )
}
