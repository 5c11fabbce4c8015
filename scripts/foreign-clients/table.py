"""The table, checks down and clients across; and what each client told after a fault."""

import textwrap

REMARK_COLUMNS = 40


def _text(cell):
    remark = f": {cell.remark}" if cell.remark else ""
    debt = " (the simulator owes it)" if cell.is_owed and cell.answer == "no" else ""
    return cell.answer + remark + debt


def markdown(titles, clients, cells):
    lines = ["| check | " + " | ".join(client.title for client in clients) + " |", "|---" * (len(clients) + 1) + "|"]
    for name, title in titles.items():
        row = [_text(cells[client.package, name]).replace("|", "\\|") for client in clients]
        lines.append("| " + " | ".join([title, *row]) + " |")
    return "\n".join(lines)


def plain(titles, clients, cells):
    rows = [["", *(client.title for client in clients)]]
    for name, title in titles.items():
        rows.append([title.replace("`", ""), *(_text(cells[client.package, name]) for client in clients)])
    wrapped = [[textwrap.wrap(text, REMARK_COLUMNS) or [""] for text in row] for row in rows]
    widths = [max(len(line) for row in wrapped for line in row[column]) for column in range(len(clients) + 1)]
    lines = []
    for row in wrapped:
        for at in range(max(len(cell) for cell in row)):
            parts = [(cell[at] if at < len(cell) else "").ljust(width) for cell, width in zip(row, widths)]
            lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def notes(clients, notes):
    lines = []
    for client in clients:
        lines += [f"What {client.title} told its user after a private connection was …", ""]
        for happened, told in sorted((happened, told) for of, happened, told in notes if of == client):
            texts = {market: " → ".join(names) or "nothing" for market, names in told.items()}
            if len(set(texts.values())) == 1:
                texts = {"both markets": next(iter(texts.values()))}
            lines += [f"- {happened}, {where}: {text}" for where, text in texts.items()]
        lines.append("")
    return "\n".join(lines)
