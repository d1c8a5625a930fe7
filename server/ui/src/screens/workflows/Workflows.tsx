import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type DragEvent } from 'react'
import { workflows } from '../../api/heddle'
import type { Workflow } from '../../api/types'
import { plainName } from '../../model/name'
import { ago } from '../../model/time'
import { Icon } from '../../parts/Icon'
import { useMay, useNow, useSettled, useStored, useTitle } from '../../parts/hooks'
import { Name } from '../../parts/Name'
import { Badge, Button, Empty, Pager, Problem } from '../../parts/parts'
import { Link, to } from '../../router'
import { importFiles, type Imported } from './importing'
import { download } from './download'
import { ImportReport } from './ImportReport'
import { StartDialog } from './StartDialog'

/** Workflows lists what can be started. Files dropped anywhere on the page are imported. */
export function Workflows() {
  useTitle('Workflows')
  const [typed, setTyped] = useState('')
  const name = useSettled(typed.trim())
  const [size, setSize] = useStored('workflows.rows', 10)
  const [skip, setSkip] = useState(0)
  const [starting, setStarting] = useState<string | null>(null)
  const [report, setReport] = useState<Imported[] | null>(null)
  const [over, setOver] = useState(false)
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState<unknown>(null)
  const picker = useRef<HTMLInputElement>(null)
  const may = useMay()
  const now = useNow(false)
  const queries = useQueryClient()
  const list = useQuery({
    queryKey: ['workflows', name, skip, size],
    queryFn: () =>
      workflows.list({
        'contains[name]': name || undefined,
        skip,
        limit: size,
        sort: 'name',
        include: 'name,description,last_updated,last_updated_by,errors,inputSchema',
      }),
    placeholderData: keepPreviousData,
  })
  const rows = list.data?.rows ?? []
  const mayWrite = may('documents:write')
  const take = async (files: FileList | File[]) => {
    setBusy(true)
    setReport(await importFiles([...files]))
    setBusy(false)
    await queries.invalidateQueries({ queryKey: ['workflows'] })
  }
  const drag = mayWrite
    ? {
        onDragOver: (e: DragEvent) => (e.preventDefault(), setOver(true)),
        onDragLeave: (e: DragEvent) => e.currentTarget === e.target && setOver(false),
        onDrop: (e: DragEvent) => {
          e.preventDefault()
          setOver(false)
          void take(e.dataTransfer.files)
        },
      }
    : {}
  const exportOne = async (w: string) => {
    setFailed(null)
    try {
      download(`${w}.json`, await workflows.exportOne(w))
    } catch (e) {
      setFailed(e)
    }
  }
  return (
    <div className={over ? 'page dropping' : 'page'} {...drag}>
      <div className="page-head">
        <h1>Workflows</h1>
        <div className="row">
          <label className="search">
            <span className="hidden">Filter by name</span>
            <Icon name="search" />
            <input type="search" placeholder="Filter by name" value={typed} onChange={(e) => (setTyped(e.target.value), setSkip(0))} />
          </label>
          {mayWrite && (
            <>
              <input
                ref={picker}
                type="file"
                accept=".json,application/json"
                multiple
                hidden
                aria-label="Files to import"
                onChange={(e) => e.target.files && void take(e.target.files).then(() => picker.current && (picker.current.value = ''))}
              />
              <Button icon="upload" tone="primary" disabled={busy} onClick={() => picker.current?.click()}>
                {busy ? 'Importing …' : 'Import'}
              </Button>
            </>
          )}
        </div>
      </div>
      <Problem error={list.error ?? failed} />
      {report && <ImportReport list={report} onClose={() => setReport(null)} />}
      {rows.length === 0 && list.data ? (
        name ? (
          <Empty title="No workflow matches" />
        ) : (
          <Empty title="No workflow yet">
            <p>{mayWrite ? 'Drop files on this page: exported workflows or whole projects, as JSON.' : 'Somebody who may write documents has to import one.'}</p>
          </Empty>
        )
      ) : (
        <div className="table-wrap">
          <table className="table" aria-busy={list.isPending}>
            <thead>
              <tr>
                <th>Name</th>
                <th>State</th>
                <th>Changed</th>
                <th>
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((w) => (
                <tr key={w._id}>
                  <td className="name">
                    <Link to={to.workflow(w.name)}>
                      <Name of={w.name} />
                    </Link>
                    {w.description && <span className="quiet clip">{w.description}</span>}
                  </td>
                  <td>
                    <Badge look={draftLook(w)} />
                  </td>
                  <td>
                    {w.last_updated ? ago(Date.parse(w.last_updated), now) : ''}
                    {w.last_updated && w.last_updated_by?.username ? <span className="quiet"> by {w.last_updated_by.username}</span> : ''}
                  </td>
                  <td className="row end">
                    <Button tone="plain" icon="download" aria-label={`Export ${plainName(w.name)}`} title="Export as JSON" onClick={() => void exportOne(w.name)} />
                    {may('jobs:start') && (
                      <Button icon="play" aria-label={`Start ${plainName(w.name)}`} disabled={isDraft(w)} onClick={() => setStarting(w.name)}>
                        Start
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.data && list.data.total > 0 && <Pager skip={skip} size={size} total={list.data.total} onSkip={setSkip} onSize={(n) => (setSize(n), setSkip(0))} />}
      {starting && <StartDialog workflow={starting} onClose={() => setStarting(null)} />}
      {over && <div className="drop-hint">Drop to import</div>}
    </div>
  )
}

function isDraft(w: Workflow): boolean {
  return (w.errors?.length ?? 0) > 0
}

function draftLook(w: Workflow) {
  const n = w.errors?.length ?? 0
  return n > 0
    ? ({ label: n === 1 ? 'Draft: 1 problem' : `Draft: ${n} problems`, icon: 'alert', tone: 'warn' } as const)
    : ({ label: 'Ready', icon: 'check', tone: 'good' } as const)
}
