package git

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

type file struct {
	Path       string `json:"path" doc:"of the file in the repository"`
	Content    string `json:"content,omitempty" doc:"of the file"`
	Encoding   string `json:"encoding,omitempty" enum:"utf8,base64" doc:"of the content; utf8 unless given"`
	Executable bool   `json:"executable,omitempty" doc:"whether it is a program; one that is stays one"`
	Delete     bool   `json:"delete,omitempty" doc:"take the file away"`
}

type commitInput struct {
	Branch  string `json:"branch" doc:"to commit to; it is made when there is none"`
	From    string `json:"from,omitempty" doc:"branch, tag or commit that a new branch starts from; the default branch unless given"`
	Base    string `json:"base,omitempty" doc:"commit the branch must be at"`
	Message string `json:"message" doc:"of the commit"`
	Author  string `json:"author,omitempty" doc:"of the commit, Name <address>; the instance's unless given"`
	Files   []file `json:"files" doc:"what to write and to delete"`
}

type commitOutput struct {
	Commit  string `json:"commit" doc:"that the branch is at now"`
	Changed bool   `json:"changed" doc:"whether there was anything to commit"`
}

// maxFiles bounds a commit.
const maxFiles = 10_000

// tries is how often a commit is made anew because somebody else was faster.
const tries = 5

func commit(ctx context.Context, call *adapters.Call, in commitInput) (commitOutput, error) {
	r := adapters.Client[*repository](call)
	author := r.author
	branch := plumbing.NewBranchReferenceName(in.Branch)
	switch {
	case in.Branch == "" || branch.Validate() != nil:
		return commitOutput{}, network.Wrong("/branch: %q is no name of a branch", in.Branch)
	case strings.TrimSpace(in.Message) == "":
		return commitOutput{}, network.Wrong("/message must not be empty")
	case len(in.Files) == 0 || len(in.Files) > maxFiles:
		return commitOutput{}, network.Wrong("/files must be from 1 to %d, not %d", maxFiles, len(in.Files))
	}
	if in.Author != "" {
		var err error
		if author, err = mail.ParseAddress(in.Author); err != nil {
			return commitOutput{}, network.Wrong("/author must be such as Ada <ada@example.com>, not %q", in.Author)
		}
	}
	contents := make([][]byte, len(in.Files))
	for i := range in.Files {
		f := &in.Files[i]
		var err error
		if f.Path, err = inside(fmt.Sprintf("/files/%d/path", i), f.Path); err != nil {
			return commitOutput{}, err
		}
		contents[i] = []byte(f.Content)
		if f.Encoding == "base64" {
			if contents[i], err = base64.StdEncoding.DecodeString(f.Content); err != nil {
				return commitOutput{}, network.Wrong("/files/%d/content is no base64: %v", i, err)
			}
		}
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var out commitOutput
	err := errMoved
	for n := 0; n < tries && errors.Is(err, errMoved); n++ {
		out, err = r.commit(bounded, &in, branch, author, contents)
	}
	if err != nil {
		return commitOutput{}, r.because(ctx, err)
	}
	return out, nil
}

// commit makes one try.
func (r *repository) commit(ctx context.Context, in *commitInput, branch plumbing.ReferenceName, author *mail.Address, contents [][]byte) (commitOutput, error) {
	var at plumbing.Hash // of the branch; zero when it is new
	s, parent, err := r.look(ctx, func(known *packp.AdvRefs) (plumbing.Hash, error) {
		if known != nil {
			at = known.References[branch.String()]
		}
		switch {
		case in.Base != "" && at.String() != in.Base:
			return at, network.Remote(false, "the branch %s is at %s, not at %s", in.Branch, at, in.Base)
		case !at.IsZero():
			return at, nil
		case known == nil && in.From == "":
			return plumbing.ZeroHash, nil // the first commit of all
		}
		return resolve(known, in.From)
	})
	if err != nil {
		return commitOutput{}, err
	}
	w := &writer{snapshot: s}
	c := &object.Commit{Message: in.Message}
	if !parent.IsZero() {
		before, err := object.GetCommit(s.objects, parent)
		if err != nil {
			return commitOutput{}, network.Wrong("/from: %s is no commit", parent)
		}
		c.TreeHash, c.ParentHashes = before.TreeHash, []plumbing.Hash{parent}
	}
	root := c.TreeHash
	for i, f := range in.Files {
		if root, err = w.put(root, strings.Split(f.Path, "/"), &f, contents[i]); err != nil {
			return commitOutput{}, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	if root == c.TreeHash && !parent.IsZero() && !at.IsZero() {
		return commitOutput{parent.String(), false}, nil
	}
	to := parent
	if root != c.TreeHash {
		if root.IsZero() {
			if root, err = w.tree(&object.Tree{}); err != nil {
				return commitOutput{}, err
			}
		}
		c.TreeHash = root
		c.Author = object.Signature{Name: author.Name, Email: author.Address, When: time.Now()}
		c.Committer = object.Signature{Name: r.author.Name, Email: r.author.Address, When: c.Author.When}
		if to, err = w.store(c); err != nil {
			return commitOutput{}, err
		}
	}
	return commitOutput{to.String(), true}, r.push(ctx, s, w.made, branch, at, to)
}

// writer makes objects and remembers them.
type writer struct {
	*snapshot
	made []plumbing.Hash
}

func (w *writer) store(o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	e := w.objects.NewEncodedObject()
	if err := o.Encode(e); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.keep(e)
}

func (w *writer) keep(e plumbing.EncodedObject) (plumbing.Hash, error) {
	hash, err := w.objects.SetEncodedObject(e)
	if err == nil && !slices.Contains(w.made, hash) {
		w.made = append(w.made, hash)
	}
	return hash, err
}

func (w *writer) blob(content []byte) (plumbing.Hash, error) {
	e := w.objects.NewEncodedObject()
	e.SetType(plumbing.BlobObject)
	to, err := e.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	_, err = to.Write(content)
	if err := errors.Join(err, to.Close()); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.keep(e)
}

// tree stores a tree with its entries in Git's order: folders as if their names ended with a slash.
func (w *writer) tree(t *object.Tree) (plumbing.Hash, error) {
	name := func(e object.TreeEntry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(t.Entries, func(a, b object.TreeEntry) int { return strings.Compare(name(a), name(b)) })
	return w.store(t)
}

// put writes or deletes a file below a tree and gives the new tree, which is zero when nothing is
// left in it.
func (w *writer) put(at plumbing.Hash, path []string, f *file, content []byte) (plumbing.Hash, error) {
	var entries []object.TreeEntry
	if !at.IsZero() {
		t, err := object.GetTree(w.objects, at)
		if err != nil {
			return at, err
		}
		entries = slices.Clone(t.Entries)
	}
	i := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == path[0] })
	e := object.TreeEntry{Name: path[0]}
	switch {
	case len(path) > 1:
		below := plumbing.ZeroHash
		if i >= 0 && entries[i].Mode == filemode.Dir {
			below = entries[i].Hash
		} else if i >= 0 && f.Delete {
			return at, nil
		} else if i >= 0 {
			return at, network.Wrong("/files: %s is no folder", path[0])
		}
		hash, err := w.put(below, path[1:], f, content)
		if err != nil {
			return at, err
		}
		e.Hash, e.Mode = hash, filemode.Dir
	case i >= 0 && entries[i].Mode == filemode.Dir:
		return at, network.Wrong("/files: %s is a folder", path[0])
	case !f.Delete:
		hash, err := w.blob(content)
		if err != nil {
			return at, err
		}
		e.Hash, e.Mode = hash, filemode.Regular
		if f.Executable || i >= 0 && entries[i].Mode == filemode.Executable {
			e.Mode = filemode.Executable
		}
	}
	switch {
	case e.Hash.IsZero() && i >= 0:
		entries = slices.Delete(entries, i, i+1)
	case e.Hash.IsZero():
		return at, nil
	case i >= 0 && entries[i] == e:
		return at, nil
	case i >= 0:
		entries[i] = e
	default:
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return plumbing.ZeroHash, nil
	}
	return w.tree(&object.Tree{Entries: entries})
}
