// The layout engine, in a worker of its own, loaded when a drawing first needs it.
import ELK from 'elkjs/lib/elk-api.js'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { Graph } from '../model/graph'
import { elkInput, rows, type Places } from '../model/layout'

let engine: InstanceType<typeof ELK> | null = null

/** arrange computes places for a graph. Without a worker it falls back to plain rows. */
export async function arrange(graph: Graph): Promise<Places> {
  try {
    engine ??= new ELK({ workerUrl })
    const out = await engine.layout(elkInput(graph))
    return Object.fromEntries((out.children ?? []).map((c) => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }]))
  } catch {
    return rows(graph)
  }
}
