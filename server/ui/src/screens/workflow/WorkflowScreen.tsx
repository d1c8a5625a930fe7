import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { workflows } from '../../api/heddle'
import type { Json, Problem as Finding, Workflow } from '../../api/types'
import { Canvas } from '../../canvas/Canvas'
import { graphOf } from '../../model/graph'
import { Icon } from '../../parts/Icon'
import { useMay, useTitle } from '../../parts/hooks'
import { Name } from '../../parts/Name'
import { Badge, Button, Code, Empty, Problem, Tabs } from '../../parts/parts'
import { goWith, Link, to, usePlace } from '../../router'
import { download } from '../workflows/download'
import { StartDialog } from '../workflows/StartDialog'

/** WorkflowScreen shows a workflow as it is drawn, with what is wrong with it. */
export default function WorkflowScreen({ name }: { name: string }) {
  useTitle(name)
  const doc = useQuery({ queryKey: ['workflow', name], queryFn: () => workflows.get(name) })
  if (doc.error) return <Problem error={doc.error} />
  if (doc.isPending) return <div className="loading" aria-busy="true" />
  if (!doc.data)
    return (
      <Empty title="There is no workflow with this name">
        <p>
          It may have been renamed or deleted. <Link to={to.workflows}>Open the workflows</Link>
        </p>
      </Empty>
    )
  return <Loaded doc={doc.data} />
}

function Loaded({ doc }: { doc: Workflow }) {
  const { search } = usePlace()
  const wanted = search.get('task')
  const task = wanted && wanted in doc.tasks ? wanted : null
  const view = search.get('view') === 'json' ? 'json' : 'canvas'
  const tab = search.get('tab') ?? 'problems'
  const [starting, setStarting] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const may = useMay()
  const check = useQuery({ queryKey: ['workflow', doc.name, 'problems', doc.last_updated], queryFn: () => workflows.validate(doc) })
  const errors = check.data?.errors ?? []
  const warnings = check.data?.warnings ?? []
  const graph = useMemo(() => {
    const counts: Record<string, number> = {}
    for (const p of errors) if (p.task) counts[p.task] = (counts[p.task] ?? 0) + 1
    return graphOf(doc.tasks, doc.transitions, counts)
  }, [doc, check.data])
  const title = (t: string) => graph.nodes.find((n) => n.id === t)?.title ?? t
  const exportIt = async () => {
    setFailed(null)
    try {
      download(`${doc.name}.json`, await workflows.exportOne(doc.name))
    } catch (e) {
      setFailed(e)
    }
  }
  return (
    <div className="split-page">
      <div className="page-head">
        <div>
          <nav className="crumbs" aria-label="Breadcrumb">
            <Link to={to.workflows}>Workflows</Link>
          </nav>
          <h1>
            <Name of={doc.name} />
          </h1>
          <p className="facts">
            {check.data && (
              <Badge
                look={
                  errors.length > 0
                    ? { label: errors.length === 1 ? 'Draft: 1 problem' : `Draft: ${errors.length} problems`, icon: 'alert', tone: 'warn' }
                    : { label: 'Ready', icon: 'check', tone: 'good' }
                }
              />
            )}
            <span>{graph.nodes.length - 2} tasks</span>
            {doc.description && <span className="quiet clip">{doc.description}</span>}
          </p>
        </div>
        <div className="row">
          <div className="switch" role="group" aria-label="View">
            <button type="button" aria-pressed={view === 'canvas'} onClick={() => goWith({ view: null })}>
              Canvas
            </button>
            <button type="button" aria-pressed={view === 'json'} onClick={() => goWith({ view: 'json' })}>
              JSON
            </button>
          </div>
          <Button icon="download" onClick={() => void exportIt()}>
            Export
          </Button>
          {may('jobs:start') && (
            <Button icon="play" tone="primary" disabled={errors.length > 0} onClick={() => setStarting(true)}>
              Start
            </Button>
          )}
        </div>
      </div>
      <Problem error={failed} />
      <div className="split">
        {view === 'canvas' ? (
          <Canvas graph={graph} chosen={task} onChoose={(t) => goWith({ task: t })} label={`Canvas of the workflow ${doc.name}`} />
        ) : (
          <div className="json">
            <Code value={doc as unknown as Json} label={`The document of ${doc.name}`} />
          </div>
        )}
        <aside className="side" aria-label={task ? `Task ${title(task)}` : 'The workflow'}>
          {task ? (
            <TaskDetail doc={doc} id={task} title={title(task)} findings={[...errors, ...warnings].filter((p) => p.task === task)} />
          ) : (
            <>
              <Tabs
                label="The workflow"
                at={tab === 'schema' ? 'schema' : 'problems'}
                onChange={(t) => goWith({ tab: t === 'problems' ? null : t }, true)}
                tabs={[
                  { key: 'problems', label: 'Problems', count: errors.length + warnings.length },
                  { key: 'schema', label: 'Input and output' },
                ]}
              />
              <div className="panel" role="tabpanel" aria-labelledby={`tab-${tab === 'schema' ? 'schema' : 'problems'}`}>
                {tab === 'schema' ? (
                  <>
                    <h3>Input</h3>
                    <Code value={doc.inputSchema as unknown as Json} label="Input schema" />
                    <h3>Output</h3>
                    <Code value={(doc as unknown as { outputSchema: Json }).outputSchema} label="Output schema" />
                  </>
                ) : (
                  <>
                    <Problem error={check.error} />
                    {check.data && errors.length + warnings.length === 0 && <p className="quiet">No problem was found. This workflow can be started.</p>}
                    <Findings list={errors} bad />
                    <Findings list={warnings} />
                  </>
                )}
              </div>
            </>
          )}
        </aside>
      </div>
      {starting && <StartDialog workflow={doc.name} onClose={() => setStarting(false)} />}
    </div>
  )
}

/** Findings lists problems; each leads to its task on the canvas. */
function Findings({ list, bad }: { list: Finding[]; bad?: boolean }) {
  return (
    <ul className="records">
      {list.map((p, i) => (
        <li key={i}>
          <p>
            <span className={bad ? 'tone-bad' : 'tone-warn'}>
              <Icon name={bad ? 'cross' : 'alert'} size={13} />
            </span>{' '}
            {p.task ? (
              <button type="button" className="link" onClick={() => goWith({ task: p.task, view: null })}>
                {p.name || p.task}
              </button>
            ) : (
              <strong>Workflow</strong>
            )}{' '}
            <code className="quiet">{p.pointer}</code>
          </p>
          <p className="message">{p.message}</p>
        </li>
      ))}
    </ul>
  )
}

function TaskDetail({ doc, id, title, findings }: { doc: Workflow; id: string; title: string; findings: Finding[] }) {
  const task = doc.tasks[id]!
  const ways = Object.entries(doc.transitions[id] ?? {})
  return (
    <>
      <div className="side-head">
        <div>
          <h2>{title}</h2>
          <p className="quiet">
            {[task.name, task.app].filter(Boolean).join(' · ')} · <code>{id}</code>
          </p>
        </div>
        <Button tone="plain" icon="close" aria-label="Close the task" onClick={() => goWith({ task: null })} />
      </div>
      <div className="panel">
        {task.description && <p className="quiet">{task.description}</p>}
        <Findings list={findings} bad />
        {ways.length > 0 && (
          <section>
            <h3>Goes on to</h3>
            <ul className="ways">
              {ways.map(([next, t]) => (
                <li key={next}>
                  <span className={`way ${t.state}`}>{t.type === 'revert' ? `revert on ${t.state}` : t.state}</span>
                  <button type="button" className="link" onClick={() => goWith({ task: next })}>
                    {next === 'workflow_end' ? 'End' : doc.tasks[next]?.summary || next}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
        {task.variables && (
          <section>
            <h3>Input</h3>
            <Code value={task.variables.incoming ?? null} label="Input as defined" />
            <h3>Output</h3>
            <Code value={task.variables.outgoing ?? null} label="Output as defined" />
          </section>
        )}
      </div>
    </>
  )
}
