import { readFile } from 'node:fs/promises'
import { type Client, createClient } from '@gradmesh/api'
import { MeshError } from '@gradmesh/core'
import { usage } from './arguments.ts'
import type { Values } from './command.ts'

/** Of the peer that --url names, with the token of --http-token-file. @throws MeshError `TOKEN_FILE`, `USAGE_VALUE` */
export const clientOf = async (values: Values): Promise<Client> => {
  const path = values.text('http-token-file')
  const url = values.text('url') ?? ''
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw usage('VALUE', `--url ${url} is no address of a peer`, 'give one like http://127.0.0.1:4180')
  return createClient(url, path === undefined ? {} : await tokenIn(path))
}

export const tokenIn = async (path: string): Promise<{ token: string }> => {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new MeshError('TOKEN_FILE', `can't read the token in ${path}: ${cause.message}`, {
      remedy: 'give the file `http-token` of the peer, or a copy of it',
      cause
    })
  })
  return { token: text.trim() }
}
