import { sha256, toHex, utf8 } from '@gradmesh/core'
import t from 'tap'
import { netContract } from '../src/contract.ts'
import { createMemoryHub } from '../src/memory.ts'

const key = (n: number): string => toHex(sha256(utf8(`peer ${n}`)))

t.test('the contract', async t => {
  netContract(t, () => {
    const hub = createMemoryHub()
    return { make: n => hub.net(key(n)) }
  })
})
