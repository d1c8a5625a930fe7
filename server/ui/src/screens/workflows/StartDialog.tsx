import { useQuery } from '@tanstack/react-query'
import { useId, useMemo, useState, type FormEvent } from 'react'
import { jobs, workflows } from '../../api/heddle'
import { fieldsOf, readForm, type Field } from '../../model/form'
import { plainName } from '../../model/name'
import { Button, Dialog, Problem } from '../../parts/parts'
import { go, to } from '../../router'

/** StartDialog asks for what a workflow needs and starts a job. */
export function StartDialog({ workflow, onClose }: { workflow: string; onClose: () => void }) {
  const doc = useQuery({ queryKey: ['workflow', workflow], queryFn: () => workflows.get(workflow) })
  const fields = useMemo(() => fieldsOf(doc.data?.inputSchema), [doc.data])
  const [typed, setTyped] = useState<Record<string, string>>({})
  const [description, setDescription] = useState('')
  const [errors, setErrors] = useState<Record<string, string>>({})
  const [failed, setFailed] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const start = async (e: FormEvent) => {
    e.preventDefault()
    const read = readForm(fields, typed)
    setErrors(read.errors)
    if (Object.keys(read.errors).length > 0) return
    setBusy(true)
    setFailed(null)
    try {
      const job = await jobs.start(workflow, read.variables, description)
      go(to.job(job._id))
    } catch (err) {
      setFailed(err)
      setBusy(false)
    }
  }
  return (
    <Dialog title={`Start “${plainName(workflow)}”`} onClose={onClose}>
      <form onSubmit={(e) => void start(e)} noValidate>
        {doc.data?.description && <p className="quiet">{doc.data.description}</p>}
        {doc.data && fields.length === 0 && <p>This workflow needs no input.</p>}
        {fields.map((f) => (
          <FormField
            key={f.key}
            field={f}
            value={typed[f.key] ?? f.initial}
            error={errors[f.key]}
            onChange={(v) => {
              setTyped({ ...typed, [f.key]: v })
              setErrors(Object.fromEntries(Object.entries(errors).filter(([key]) => key !== f.key)))
            }}
          />
        ))}
        <label>
          Description of this job <span className="quiet">optional, shown in the list</span>
          <input value={description} onChange={(e) => setDescription(e.target.value)} />
        </label>
        <Problem error={failed ?? doc.error} />
        <footer>
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" tone="primary" icon="play" disabled={busy || !doc.data}>
            {busy ? 'Starting …' : 'Start the job'}
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}

function FormField({ field: f, value, error, onChange }: { field: Field; value: string; error?: string; onChange: (v: string) => void }) {
  const id = useId()
  const common = { id, value, 'aria-invalid': error ? true : undefined, 'aria-describedby': `${id}-hint`, 'aria-required': f.required || undefined }
  return (
    <div className="field">
      <label htmlFor={id}>
        {f.label} {f.required ? <span className="need">needed</span> : <span className="quiet">optional</span>}
      </label>
      {f.kind === 'text' && <input {...common} onChange={(e) => onChange(e.target.value)} />}
      {f.kind === 'number' && <input {...common} inputMode="decimal" onChange={(e) => onChange(e.target.value)} />}
      {(f.kind === 'boolean' || f.kind === 'choice') && (
        <select {...common} onChange={(e) => onChange(e.target.value)}>
          {(!f.required || f.kind === 'choice') && <option value="">{f.required ? 'choose …' : 'not given'}</option>}
          {f.kind === 'boolean' ? (
            <>
              <option value="true">yes</option>
              <option value="false">no</option>
            </>
          ) : (
            f.choices.map((c) => (
              <option key={JSON.stringify(c)} value={JSON.stringify(c)}>
                {typeof c === 'string' ? c : JSON.stringify(c)}
              </option>
            ))
          )}
        </select>
      )}
      {f.kind === 'json' && <textarea {...common} rows={4} spellCheck={false} onChange={(e) => onChange(e.target.value)} />}
      <span id={`${id}-hint`} className={error ? 'error-text' : 'quiet'}>
        {error ?? (f.hint || (f.kind === 'json' ? `${f.type ? `${f.type}, ` : ''}written as JSON` : ''))}
      </span>
    </div>
  )
}
