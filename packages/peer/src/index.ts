export { ensureKey, paths, readGenesis, readKey, settleFolder } from './folder.ts'
export { type GenesisInit, genesisDefaults, makeGenesis } from './genesis.ts'
export { type NodeOptions, nodeDefaults } from './options.ts'
export { AGENT, type Outcome, type Peer, type Running, startPeer } from './peer.ts'
