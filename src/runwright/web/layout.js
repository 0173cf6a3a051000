/* Where the steps of a plan stand in its picture: columns by longest way, few crossings, edges around nodes. */

const STEPS_MAX = 150;
const POINTS_MAX = 900;
const SWEEPS = 6;

/**
 * Return `{nodes, edges, width, height}`, or null when the plan is too large to be a picture.
 *
 * steps  each with `number` and `after`
 * box    `{width, height, gapX, gapY}` of a node, in pixels
 */
export function layout(steps, box) {
  if (steps.length > STEPS_MAX) return null;
  const level = levels(steps);
  const columns = placed(steps, level);
  if (columns === null) return null;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) order(columns, sweep % 2 === 0 ? "from" : "to");
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) settle(columns, box);
  const all = columns.flat();
  const top = Math.min(...all.map(({ y, half }) => y - half));
  const bottom = Math.max(...all.map(({ y, half }) => y + half));
  for (const vertex of all) vertex.y -= top;
  const x = (column) => column * (box.width + box.gapX);
  const nodes = all.filter(({ step }) => step).map((v) => ({ number: v.step.number, x: x(v.column), y: v.y }));
  return { nodes, edges: edges(all, x, box), width: x(columns.length) - box.gapX, height: bottom - top };
}

/** The column of each step; steps in a circle, which no accepted plan has, stand in the first. */
function levels(steps) {
  const level = new Map(steps.map(({ number }) => [number, 0]));
  const waiting = new Map(steps.map(({ number, after }) => [number, after.filter((n) => level.has(n)).length]));
  const behind = new Map(steps.map(({ number }) => [number, []]));
  for (const { number, after } of steps) for (const n of after) behind.get(n)?.push(number);
  const ready = steps.filter(({ number }) => waiting.get(number) === 0).map(({ number }) => number);
  for (const number of ready) {
    for (const later of behind.get(number)) {
      level.set(later, Math.max(level.get(later), level.get(number) + 1));
      waiting.set(later, waiting.get(later) - 1);
      if (waiting.get(later) === 0) ready.push(later);
    }
  }
  return level;
}

/** Columns of vertices: the steps, and a bend wherever an edge passes a column. */
function placed(steps, level) {
  const columns = Array.from({ length: Math.max(0, ...level.values()) + 1 }, () => []);
  const vertex = (column, step) => {
    const made = { column, step, from: [], to: [], y: 0, half: 0 };
    columns[column].push(made);
    return made;
  };
  const of = new Map(steps.map((step) => [step.number, vertex(level.get(step.number), step)]));
  let points = steps.length;
  for (const step of steps) {
    for (const number of step.after) {
      if (!of.has(number)) continue;
      let last = of.get(number);
      for (let column = last.column + 1; column < level.get(step.number); column += 1) {
        points += 1;
        if (points > POINTS_MAX) return null;
        const bend = vertex(column, null);
        join(last, bend);
        last = bend;
      }
      join(last, of.get(step.number));
    }
  }
  return columns;
}

function join(from, to) {
  from.to.push(to);
  to.from.push(from);
}

/** Sort each column by the middle of its neighbours on one side. */
function order(columns, side) {
  columns.forEach((column) => column.forEach((vertex, index) => (vertex.index = index)));
  const turn = side === "from" ? columns : [...columns].reverse();
  for (const column of turn) {
    for (const vertex of column) {
      const sides = vertex[side];
      vertex.middle = sides.length ? sides.reduce((sum, v) => sum + v.index, 0) / sides.length : vertex.index;
    }
    column.sort((a, b) => a.middle - b.middle || a.index - b.index);
    column.forEach((vertex, index) => (vertex.index = index));
  }
}

/** Move each vertex towards its neighbours, keeping the order and the gaps. */
function settle(columns, box) {
  for (const column of columns) {
    let floor = -Infinity;
    let drift = 0;
    for (const vertex of column) {
      vertex.half = (vertex.step ? box.height : 0) / 2;
      const near = [...vertex.from, ...vertex.to];
      const wanted = near.length ? near.reduce((sum, v) => sum + v.y, 0) / near.length : vertex.y;
      vertex.y = Math.max(wanted, floor + vertex.half);
      floor = vertex.y + vertex.half + box.gapY;
      drift += wanted - vertex.y;
    }
    for (const vertex of column) vertex.y += drift / column.length;
  }
}

function edges(all, x, box) {
  const found = [];
  for (const start of all.filter(({ step }) => step)) {
    for (let next of start.to) {
      let path = `M${x(start.column) + box.width} ${round(start.y)}`;
      let [atX, atY] = [x(start.column) + box.width, start.y];
      for (;;) {
        const [toX, middle] = [x(next.column), (atX + x(next.column)) / 2];
        path += `C${middle} ${round(atY)} ${middle} ${round(next.y)} ${toX} ${round(next.y)}`;
        [atX, atY] = [toX, next.y];
        if (next.step) break;
        atX += box.width;
        path += `H${atX}`;
        next = next.to[0];
      }
      found.push({ from: start.step.number, to: next.step.number, path });
    }
  }
  return found;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
