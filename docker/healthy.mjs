/** The container's health check: 0 when the peer says that it is well. Plain HTTP starts faster than fetch. */
import { get } from 'node:http'

const port = process.env.GRADMESH_PORT || 4180

get({ host: '127.0.0.1', port, path: '/healthz', timeout: 4000 }, response => {
  response.resume()
  process.exitCode = response.statusCode === 200 ? 0 : 1
})
  .on('timeout', request => request.destroy())
  .on('error', ({ message }) => {
    console.error(message)
    process.exitCode = 1
  })
