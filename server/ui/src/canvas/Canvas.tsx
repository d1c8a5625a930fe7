// The canvas draws a graph. It knows documents, not requests.
import {
  Background,
  BaseEdge,
  Controls,
  EdgeLabelRenderer,
  getSmoothStepPath,
  Handle,
  MarkerType,
  MiniMap,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  type Edge,
  type EdgeProps,
  type Node,
  type NodeProps,
} from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { memo, useEffect, useMemo, useRef, useState } from 'react'
import { nodeSize, type Graph, type GraphLine, type GraphNode } from '../model/graph'
import { firstView, placesFromAuthor, type Places } from '../model/layout'
import type { IconName } from '../model/status'
import { Icon } from '../parts/Icon'

type TaskNode = Node<{ node: GraphNode; chosen: boolean }, 'task'>
type TaskLine = Edge<{ line: GraphLine; dim: boolean }, 'line'>

const kindIcons: Record<GraphNode['kind'], IconName | 'plug' | 'cube' | 'jobs'> = {
  start: 'start',
  end: 'flag',
  manual: 'person',
  child: 'jobs',
  adapter: 'plug',
  application: 'cube',
}

const Task = memo(function Task({ data }: NodeProps<TaskNode>) {
  const n = data.node
  const tone = n.look?.tone ?? 'neutral'
  const small = n.kind === 'start' || n.kind === 'end'
  return (
    <div className={`task tone-${tone} ${small ? 'small' : ''} ${data.chosen ? 'chosen' : ''} ${n.look?.label === 'Never runs' ? 'never' : ''}`}>
      <Handle id="in" type="target" position={Position.Top} isConnectable={false} />
      <Handle id="back-in" type="target" position={Position.Right} isConnectable={false} />
      <span className="kind">
        <Icon name={kindIcons[n.kind]} size={15} />
      </span>
      <span className="words">
        <span className="title">{n.title}</span>
        {n.subtitle && <span className="subtitle">{n.subtitle}</span>}
      </span>
      {n.iterations > 1 && (
        <span className="iterations" title={`${n.iterations} iterations`}>
          ×{n.iterations}
        </span>
      )}
      {n.problems > 0 && (
        <span className="state tone-bad" title={`${n.problems} problems`}>
          <Icon name="alert" size={14} />
        </span>
      )}
      {n.look && n.look.icon !== 'dash' && (
        <span className={`state tone-${tone}`} title={n.look.label}>
          <Icon name={n.look.icon} size={14} />
        </span>
      )}
      <Handle id="out" type="source" position={Position.Bottom} isConnectable={false} />
      <Handle id="back-out" type="source" position={Position.Right} isConnectable={false} />
    </div>
  )
})

const lineIcons: Partial<Record<GraphLine['state'], IconName>> = { failure: 'branch', error: 'cross', loop: 'retry' }

const Line = memo(function Line(p: EdgeProps<TaskLine>) {
  const line = p.data!.line
  const [path, x, y] = getSmoothStepPath({
    sourceX: p.sourceX,
    sourceY: p.sourceY,
    sourcePosition: p.sourcePosition,
    targetX: p.targetX,
    targetY: p.targetY,
    targetPosition: p.targetPosition,
    borderRadius: 12,
    offset: line.revert ? 36 : 20,
  })
  const icon = line.revert ? 'retry' : lineIcons[line.state]
  const label = line.revert ? `reverts on ${line.state}` : line.state
  return (
    <>
      <BaseEdge
        path={path}
        markerEnd={p.markerEnd}
        className={`line ${line.state} ${line.revert ? 'revert' : ''} ${line.taken ? 'taken' : ''} ${p.data!.dim ? 'dim' : ''}`}
      />
      {icon && (
        <EdgeLabelRenderer>
          <span className={`line-label ${line.state} ${p.data!.dim ? 'dim' : ''}`} style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }} title={label}>
            <Icon name={icon} size={11} />
            {line.revert ? `revert · ${line.state}` : line.state}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  )
})

/** many tasks are drawn without shadows and motion, and only those in view, so that the canvas stays quick. */
const many = 150

const nodeTypes = { task: Task }
const edgeTypes = { line: Line }

const markerColours: Record<GraphLine['state'], string> = {
  success: 'var(--line-success)',
  failure: 'var(--line-failure)',
  error: 'var(--line-error)',
  loop: 'var(--line-loop)',
}

export interface CanvasProps {
  graph: Graph
  chosen: string | null
  onChoose: (id: string | null) => void
  label: string
}

/** Canvas draws a graph, fits it once, and brings the chosen task into view. */
export function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  )
}

function Drawing({ graph, chosen, onChoose, label }: CanvasProps) {
  const places = usePlaces(graph)
  const flow = useReactFlow()
  const fitted = useRef(false)
  const ref = useRef<HTMLDivElement>(null)
  const calm = useMemo(() => window.matchMedia('(prefers-reduced-motion: reduce)').matches, [])
  const nodes = useMemo<TaskNode[]>(
    () =>
      places === null
        ? []
        : graph.nodes.map((n) => ({
            id: n.id,
            type: 'task',
            position: places[n.id] ?? { x: 0, y: 0 },
            width: nodeSize.width,
            height: nodeSize.height,
            data: { node: n, chosen: n.id === chosen },
            draggable: false,
            connectable: false,
            deletable: false,
            ariaLabel: [n.title, n.subtitle, n.look?.label, n.problems ? `${n.problems} problems` : ''].filter(Boolean).join(', '),
          })),
    [graph, places, chosen],
  )
  const edges = useMemo<TaskLine[]>(
    () =>
      graph.lines.map((line) => ({
        id: line.id,
        source: line.from,
        target: line.to,
        type: 'line',
        sourceHandle: line.revert ? 'back-out' : 'out',
        targetHandle: line.revert ? 'back-in' : 'in',
        data: { line, dim: line.taken === false },
        focusable: false,
        markerEnd: {
          type: MarkerType.ArrowClosed,
          markerUnits: 'userSpaceOnUse',
          width: 22,
          height: 22,
          color: line.taken === false ? 'var(--line-dim)' : markerColours[line.state],
        },
      })),
    [graph],
  )
  useEffect(() => {
    if (!chosen || !places?.[chosen] || !fitted.current) return
    const at = places[chosen]
    const pane = ref.current?.getBoundingClientRect()
    const { x, y, zoom } = flow.getViewport()
    const [sx, sy] = [at.x * zoom + x, at.y * zoom + y]
    const seen = pane && sx > 0 && sy > 0 && sx + nodeSize.width * zoom < pane.width && sy + nodeSize.height * zoom < pane.height
    if (!seen) void flow.setCenter(at.x + nodeSize.width / 2, at.y + nodeSize.height / 2, { zoom: Math.max(zoom, 0.8), duration: calm ? 0 : 250 })
  }, [chosen, places, flow, calm])
  if (places === null) return <div className="canvas loading" aria-busy="true" />
  return (
    <div className={graph.nodes.length > many ? 'canvas many' : 'canvas'} ref={ref} role="region" aria-label={label}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onInit={() => {
          const pane = ref.current!.getBoundingClientRect()
          void flow.setViewport(firstView(graph, places, chosen, pane))
          fitted.current = true
        }}
        onNodeClick={(_, n) => onChoose(n.id)}
        onPaneClick={() => onChoose(null)}
        onKeyDown={(e) => {
          const id = (e.target as HTMLElement).closest('.react-flow__node')?.getAttribute('data-id')
          if (id && (e.key === 'Enter' || e.key === ' ')) {
            e.preventDefault()
            onChoose(id)
          }
        }}
        fitViewOptions={{ padding: 0.12, maxZoom: 1 }}
        minZoom={0.05}
        maxZoom={2}
        nodesConnectable={false}
        nodesDraggable={false}
        elementsSelectable={false}
        nodesFocusable
        onlyRenderVisibleElements={graph.nodes.length > many}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
        {graph.nodes.length > 14 && (
          <MiniMap pannable zoomable nodeClassName={(n) => `mini tone-${(n as TaskNode).data.node.look?.tone ?? 'neutral'}`} ariaLabel="Overview of the canvas" />
        )}
      </ReactFlow>
    </div>
  )
}

/** usePlaces keeps the places while only states change. */
function usePlaces(graph: Graph): Places | null {
  const shape = graph.nodes.map((n) => `${n.id}@${n.at?.x},${n.at?.y}`).join() + '|' + graph.lines.map((l) => l.id).join()
  const authored = useMemo(() => placesFromAuthor(graph), [shape])
  const [computed, setComputed] = useState<{ shape: string; places: Places } | null>(null)
  useEffect(() => {
    if (authored !== null) return
    let live = true
    void import('./elk').then(({ arrange }) => arrange(graph)).then((places) => live && setComputed({ shape, places }))
    return () => {
      live = false
    }
  }, [shape, authored])
  return authored ?? (computed?.shape === shape ? computed.places : null)
}
