// Where the nodes stand: as the author put them when that is readable, else computed.
import { nodeSize, type Graph, type GraphNode } from './graph'

export type Places = Record<string, { x: number; y: number }>

/** placesFromAuthor returns the author's places, spread so that nodes do not touch, or null
 *  when there are none to speak of: a node has none, or several stand on the same spot. */
export function placesFromAuthor(graph: Graph): Places | null {
  const spots = new Set<string>()
  for (const n of graph.nodes) {
    if (!n.at || !Number.isFinite(n.at.x) || !Number.isFinite(n.at.y)) return null
    spots.add(`${Math.round(n.at.x)}/${Math.round(n.at.y)}`)
  }
  if (spots.size < graph.nodes.length || graph.nodes.length === 0) return null
  const scale = spread(graph)
  if (scale > 4) return null
  return Object.fromEntries(graph.nodes.map((n) => [n.id, { x: n.at!.x * scale, y: n.at!.y * scale }]))
}

/** spread is the smallest factor, 1 or more, by which the places must grow until no two nodes overlap. */
export function spread(graph: Graph): number {
  const [wide, high] = [nodeSize.width + 24, nodeSize.height + 24]
  let scale = 1
  for (let i = 0; i < graph.nodes.length; i++) {
    for (let j = i + 1; j < graph.nodes.length; j++) {
      const a = graph.nodes[i]!.at!
      const b = graph.nodes[j]!.at!
      const [dx, dy] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)]
      scale = Math.max(scale, Math.min(dx === 0 ? Infinity : wide / dx, dy === 0 ? Infinity : high / dy))
    }
  }
  return scale
}

/** elkInput is the graph in the form of the layout engine. Reverts are turned round, so that
 *  they do not pull the tasks they go back to downwards. */
export function elkInput(graph: Graph) {
  return {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'DOWN',
      'elk.layered.spacing.nodeNodeBetweenLayers': '64',
      'elk.spacing.nodeNode': '48',
      'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
    },
    children: graph.nodes.map((n) => ({
      id: n.id,
      ...nodeSize,
      layoutOptions: layerOf(n.kind),
    })),
    edges: graph.lines.map((l) => (l.revert ? { id: l.id, sources: [l.to], targets: [l.from] } : { id: l.id, sources: [l.from], targets: [l.to] })),
  }
}

function layerOf(kind: GraphNode['kind']): Record<string, string> {
  const key = 'elk.layered.layering.layerConstraint'
  if (kind === 'start') return { [key]: 'FIRST' }
  if (kind === 'end') return { [key]: 'LAST' }
  return {}
}

/** rows is the layout without an engine: one row for each step from the start. */
export function rows(graph: Graph): Places {
  const level = new Map<string, number>()
  const next = new Map<string, string[]>()
  for (const l of graph.lines) if (!l.revert) next.set(l.from, [...(next.get(l.from) ?? []), l.to])
  let front = graph.nodes.filter((n) => n.kind === 'start').map((n) => n.id)
  for (let depth = 0; front.length > 0 && depth <= graph.nodes.length; depth++) {
    for (const id of front) if (!level.has(id)) level.set(id, depth)
    front = [...new Set(front.flatMap((id) => next.get(id) ?? []))].filter((id) => !level.has(id))
  }
  const used = new Map<number, number>()
  return Object.fromEntries(
    graph.nodes.map((n) => {
      const y = level.get(n.id) ?? graph.nodes.length
      const x = used.get(y) ?? 0
      used.set(y, x + 1)
      return [n.id, { x: x * (nodeSize.width + 48), y: y * (nodeSize.height + 64) }]
    }),
  )
}

export interface Viewport {
  x: number
  y: number
  zoom: number
}

/** firstView shows the whole graph when it can be read that way; else the task that is chosen,
 *  or at work, or in error, and without any the start. */
export function firstView(graph: Graph, places: Places, chosen: string | null, pane: { width: number; height: number }): Viewport {
  const all = Object.values(places)
  const [left, top] = [Math.min(...all.map((p) => p.x)), Math.min(...all.map((p) => p.y))]
  const width = Math.max(...all.map((p) => p.x)) + nodeSize.width - left
  const height = Math.max(...all.map((p) => p.y)) + nodeSize.height - top
  const margin = 36
  const zoom = Math.min(1, (pane.width - 2 * margin) / width, (pane.height - 2 * margin) / height)
  if (zoom >= 0.5) return { zoom, x: (pane.width - width * zoom) / 2 - left * zoom, y: (pane.height - height * zoom) / 2 - top * zoom }
  const near = 0.8
  const busy = chosen ?? graph.nodes.find((n) => n.look?.tone === 'bad' || n.look?.tone === 'active')?.id
  const at = places[busy ?? graph.nodes.find((n) => n.kind === 'start')?.id ?? ''] ?? { x: left, y: top }
  const y = busy ? (pane.height - nodeSize.height * near) / 2 : margin
  return { zoom: near, x: (pane.width - nodeSize.width * near) / 2 - at.x * near, y: y - at.y * near }
}
