export function withTable(readme: string): string;
