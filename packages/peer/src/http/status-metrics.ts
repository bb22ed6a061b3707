import type { Status } from '@gradmesh/api'
import { PHASES, REACHABILITIES } from '@gradmesh/api'
import type { Metrics } from '@gradmesh/core'

/** The figures of the status as gauges, set at every scrape; what is not known yet is left out. */
export const gaugeStatus = (status: Status, metrics: Metrics): void => {
  const { finalityMs, bytes } = status
  const set = (name: string, value: number | null): void => {
    if (value !== null) metrics.gauge(`gradmesh_status_${name}`, value)
  }
  set('height', status.height)
  set('round', status.round)
  set('slot', status.slot)
  set('peers', status.peers)
  set('loss', status.loss)
  set('score_ratio', status.score)
  set('finality_p50_seconds', seconds(finalityMs.p50))
  set('finality_p99_seconds', seconds(finalityMs.p99))
  set('finality_last_seconds', seconds(finalityMs.last))
  set('loop_delay_p99_seconds', seconds(status.loopDelayMs))
  set('adapter_busy_ratio', status.adapterBusy)
  set('samples_per_second', status.samplesPerSecond)
  set('uptime_seconds', status.uptimeSeconds)
  set('sent_bytes', bytes.sent)
  set('received_bytes', bytes.received)
  set('delta_round_bytes', bytes.deltaBytesPerRound)
  set('dense_round_bytes', bytes.denseBytesPerRound)
  set('consensus_round_bytes', bytes.consensusBytesPerRound)
  set('resident_bytes', status.residentBytes)
  for (const [kind, bytes] of Object.entries(status.diskBytes ?? {}))
    metrics.gauge('gradmesh_status_disk_bytes', bytes, { kind })
  set('cap_adapter_ratio', status.caps.gpuShare)
  set('cap_resident_bytes', status.caps.memoryBytes)
  set('cap_upload_bytes_per_second', status.caps.uploadBytesPerSecond)
  set('cap_download_bytes_per_second', status.caps.downloadBytesPerSecond)
  set('silent_stake_ratio', status.quorum?.share ?? 0)
  set('training_paused', status.caps.pause === null ? 0 : 1)
  for (const state of REACHABILITIES)
    metrics.gauge('gradmesh_status_reachability', state === status.reachability?.state ? 1 : 0, { state })
  for (const phase of PHASES)
    metrics.gauge('gradmesh_status_phase', phase === status.phase ? 1 : 0, { phase })
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000)
