// Package workflows holds what people write: workflows with their tasks and transitions,
// projects, automations and triggers. It reads the documents of Itential Platform without
// loss, tells every problem of a document with its place, and proves what can be known
// about a graph before it runs. It runs nothing.
package workflows
