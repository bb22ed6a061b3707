/**
 * The sources of the repository as a page can load them: types stripped on the way out, nothing
 * bundled. Only the folders named are served, on 127.0.0.1.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
const SERVED = [/^packages\/(core|tensor)\/(src|test)\//, /^node_modules\/@noble\/hashes\//]

const IMPORTS = {
  '@gradmesh/core': '/packages/core/src/index.ts',
  '@gradmesh/tensor': '/packages/tensor/src/index.ts',
  '@noble/hashes/': '/node_modules/@noble/hashes/'
}
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>gradmesh</title>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`

export interface PageServer {
  readonly url: string
  close(): Promise<void>
}

const answer = async (path: string): Promise<{ type: string; body: string } | undefined> => {
  if (path === '') return { type: 'text/html', body: PAGE }
  if (!SERVED.some(folder => folder.test(path))) return undefined
  const source = await readFile(join(ROOT, path), 'utf8').catch(() => undefined)
  if (source === undefined) return undefined
  return { type: 'text/javascript', body: extname(path) === '.ts' ? stripTypeScriptTypes(source) : source }
}

export const servePage = async (): Promise<PageServer> => {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const found = await answer(normalize(pathname).slice(1))
    if (found === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': `${found.type}; charset=utf-8` }).end(found.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
