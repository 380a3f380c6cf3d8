import { Column, DataType, Model, Table } from 'sequelize-typescript';

/** One mark on its way to the school system; a corrected mark is a new version. */
@Table({ tableName: 'outbox_deliveries', underscored: true })
export class OutboxDeliveryModel extends Model {
  @Column({ type: DataType.UUID, primaryKey: true })
  declare integrationId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare sessionId: string;

  @Column({ type: DataType.UUID, primaryKey: true })
  declare studentId: string;

  @Column({ type: DataType.INTEGER, primaryKey: true })
  declare version: number;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare externalId: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare mark: 'PRESENT' | 'ABSENT' | 'LATE' | 'EXCUSED';

  /** Of all that is sent. */
  @Column({ type: DataType.TEXT, allowNull: false })
  declare digest: string;

  @Column({ type: DataType.TEXT, allowNull: false })
  declare status: 'QUEUED' | 'WITHHELD' | 'SENT' | 'CONFIRMED' | 'FAILED' | 'WITHDRAWN';

  @Column({ type: DataType.INTEGER, allowNull: false })
  declare attempts: number;

  /** The attempt that it was handed out in last. */
  @Column({ type: DataType.UUID })
  declare attempt: string | null;

  @Column({ type: DataType.TEXT })
  declare lastReason: string | null;

  /** Whether an event has told what became of it. */
  @Column({ type: DataType.BOOLEAN, allowNull: false })
  declare announced: boolean;

  @Column({ type: DataType.DATE, allowNull: false })
  declare createdAt: Date;

  @Column({ type: DataType.DATE, allowNull: false })
  declare updatedAt: Date;
}
